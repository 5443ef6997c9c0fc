//! The matrix as a picture (SVG 1.1): for reports, and for a browser, where each entry tells its services.

use super::super::{add, line};
use super::sign;
use abi::table::{Action, Mode};
use policies::{Matrix, Pair};

/// Width and height of an entry, in user units.
const SIDE: usize = 28;
/// Width of a character of a name, about.
const LETTER: usize = 7;
/// Space around everything.
const MARGIN: usize = 16;
/// Height of the legend.
const LEGEND: usize = 64;

/// The whole document.
pub(super) fn drawing(matrix: &Matrix) -> String {
    let count = matrix.segments.len();
    let longest = matrix.segments.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let label = longest.saturating_mul(LETTER).saturating_add(12);
    let (left, top) = (MARGIN.saturating_add(label), MARGIN.saturating_add(label));
    let grid = count.saturating_mul(SIDE);
    // The legend's longest line needs this much.
    let width = left.saturating_add(grid).saturating_add(MARGIN).max(620);
    let height = top.saturating_add(grid).saturating_add(LEGEND).saturating_add(MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<title>Who may reach whom</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (at, name) in matrix.segments.iter().enumerate() {
        let middle = at.saturating_mul(SIDE).saturating_add(SIDE / 2);
        let (x, y) = (left.saturating_add(middle), top.saturating_add(middle));
        let name = escaped(name);
        line(
            &mut svg,
            &format!(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>",
                left.saturating_sub(8),
                y.saturating_add(4)
            ),
        );
        let (x, y) = (x.saturating_add(4), top.saturating_sub(8));
        line(&mut svg, &format!("<text x=\"{x}\" y=\"{y}\" transform=\"rotate(-90 {x} {y})\">{name}</text>"));
    }
    for (row, (from, pairs)) in matrix.segments.iter().zip(&matrix.rows).enumerate() {
        for (column, (to, pair)) in matrix.segments.iter().zip(pairs).enumerate() {
            let x = left.saturating_add(column.saturating_mul(SIDE));
            let y = top.saturating_add(row.saturating_mul(SIDE));
            entry(&mut svg, (x, y), (from, to), pair);
        }
    }
    legend(&mut svg, (left, top.saturating_add(grid).saturating_add(24)));
    svg.push_str("</svg>\n");
    svg
}

fn entry(svg: &mut String, (x, y): (usize, usize), (from, to): (&str, &str), pair: &Pair) {
    let parts = pair.parts.iter().map(|part| {
        let verb = match (part.action, part.mode) {
            (Action::Allow, _) => "may pass",
            (Action::Deny, Mode::Enforce) => "dropped",
            (Action::Deny, Mode::Alert) => "denied, told",
            (Action::Deny, Mode::Observe) => "denied, counted",
        };
        format!("{verb}: {}", part.services.join(", "))
    });
    let title = format!("{from} -> {to}\n{}", parts.collect::<Vec<_>>().join("\n"));
    line(
        svg,
        &format!(
            "<g><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{SIDE}\" height=\"{SIDE}\" fill=\"{}\" stroke=\"#9aa5b1\"/>",
            escaped(&title),
            fill(pair)
        ),
    );
    if pair.allowed().next().is_some() {
        let sign = sign(pair);
        let (x, y) = (x.saturating_add(SIDE / 2), y.saturating_add(SIDE / 2).saturating_add(4));
        add(
            svg,
            &format!(
                "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>",
                sign.trim_end_matches('!')
            ),
        );
    }
    svg.push_str("</g>\n");
}

/// Everything, something, nothing but counted, nothing and dropped; light enough for black text, apart in grey too.
fn fill(pair: &Pair) -> &'static str {
    match (pair.allowed().next().is_some(), pair.denied()) {
        (true, None) => "#7fc97f",
        (true, Some(_)) => "#d3efd3",
        (false, Some(Mode::Enforce)) => "#b4bcc6",
        (false, _) => "#f4f6f8",
    }
}

fn legend(svg: &mut String, (left, top): (usize, usize)) {
    let lines = [
        ("#7fc97f", "everything may pass"),
        ("#d3efd3", "so many services may pass"),
        ("#f4f6f8", "nothing may pass; only counted"),
        ("#b4bcc6", "nothing may pass; dropped"),
    ];
    for (at, (fill, text)) in lines.into_iter().enumerate() {
        let x = left.saturating_add((at % 2).saturating_mul(220));
        let y = top.saturating_add((at / 2).saturating_mul(22));
        line(
            svg,
            &format!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"14\" height=\"14\" fill=\"{fill}\" stroke=\"#9aa5b1\"/>\
             <text x=\"{}\" y=\"{}\">{text}</text>",
                x.saturating_add(20),
                y.saturating_add(11)
            ),
        );
    }
    let y = top.saturating_sub(8);
    line(
        svg,
        &format!(
            "<text x=\"{left}\" y=\"{y}\" fill=\"#52606d\">Initiators are rows, responders columns.</text>"
        ),
    );
}

/// Text between tags (XML 1.0 section 2.4).
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
