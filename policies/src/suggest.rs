//! "Did you mean": the nearest word by edits.

/// Longer words are not compared: the cost is the product of the lengths.
const LONGEST: usize = 64;

/// The candidate nearest to the word, if it is near enough that a slip of the hand explains it.
pub(crate) fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > LONGEST {
        return None;
    }
    // One slip in three letters, two in six: more and the suggestion would be a guess.
    let most = length.div_ceil(3).min(3);
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST && *candidate != word)
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|&(edits, _)| edits <= most)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The help line for a suggestion, if there is one.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(word, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// Edits between two words: insert, delete, replace, or swap two neighbours (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i.saturating_add(1)];
        for (j, &y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let next = j.saturating_add(1);
            let replaced = at(&last, j).saturating_add(usize::from(x != y));
            let mut best = replaced.min(at(&last, next).saturating_add(1)).min(at(&row, j).saturating_add(1));
            let swapped = i > 0
                && j > 0
                && a.get(i.wrapping_sub(1)) == Some(&y)
                && b.get(j.wrapping_sub(1)) == Some(&x);
            if swapped {
                best = best.min(at(&before, j.wrapping_sub(1)).saturating_add(1));
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
