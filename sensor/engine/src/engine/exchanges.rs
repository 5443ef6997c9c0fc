//! What was said in a flow: rows, evidence about the devices, and operations for the detectors.

use super::{Engine, report};
use crate::flow::table::Place;
use crate::flow::{End, Flow};
use crate::inventory::observe;
use crate::output::{Outputs, SessionRow};
use detectors::record::{Endpoint, Sighting, SightingKind};
use wire::dhcp::Kind;
use wire::frame::Frame;
use wire::{Exchange, Said, Side};

impl Engine {
    /// Takes what the reader found in the frame at hand.
    pub(super) fn exchanges(&mut self, place: Place, frame: &Frame<'_>, out: &mut Outputs) {
        // The flow is taken out of the table's hands for a moment only by reference: rows need the inventory beside it.
        let mut exchanges = std::mem::take(&mut self.reader.exchanges);
        for exchange in exchanges.drain(..) {
            let Some(flow) = self.table.flow(place) else { continue };
            let row = row(flow, exchange, &self.inventory);
            self.learn(&row, Some(frame));
            self.summary.count_session(&row);
            out.sessions.push(row);
        }
        self.reader.exchanges = exchanges;
    }

    /// The same for a flow that has left the table.
    pub(super) fn said(&mut self, flow: &mut Flow, frame: Option<&Frame<'_>>, out: &mut Outputs) {
        let mut exchanges = std::mem::take(&mut self.reader.exchanges);
        for exchange in exchanges.drain(..) {
            let row = row(flow, exchange, &self.inventory);
            self.learn(&row, frame);
            self.summary.count_session(&row);
            out.sessions.push(row);
        }
        self.reader.exchanges = exchanges;
    }

    fn learn(&mut self, row: &SessionRow, frame: Option<&Frame<'_>>) {
        if let (Said::Dhcp(dhcp), Some(frame)) = (&row.exchange.said, frame) {
            self.lease(dhcp, frame, row);
        }
        observe::exchange(&mut self.inventory, row);
        if let Some(guard) = &mut self.guard {
            guard.place(&self.inventory, [row.client.device, row.server.device]);
        }
        self.watch.activity(&crate::activity::of(row), &mut self.findings);
        self.group();
    }

    /// A server that offers or acknowledges a lease, and the client that may use it now (RFC 2131).
    fn lease(&mut self, dhcp: &wire::dhcp::Dhcp, frame: &Frame<'_>, row: &SessionRow) {
        let from_server = matches!(dhcp.kind, Kind::Offer | Kind::Ack | Kind::Nak);
        if !from_server {
            return;
        }
        let at = row.exchange.at;
        let headers = &frame.headers;
        let [vlan, _] = headers.vlan;
        // A relay agent (RFC 2131 section 4.1) forwards with its own address: the server names itself in option 54.
        let server = dhcp.server_id.unwrap_or(headers.src);
        let sighting = Sighting {
            at,
            kind: SightingKind::DhcpServer,
            mac: headers.src_mac,
            ip: server,
            frame_mac: headers.src_mac,
            vlan,
        };
        self.sighting(&sighting);
        if let (Kind::Ack, Some(ip)) = (dhcp.kind, dhcp.your_ip) {
            self.sighting(&Sighting { kind: SightingKind::DhcpLease, mac: dhcp.client_mac, ip, ..sighting });
            self.inventory.claim(dhcp.client_mac, ip, at);
        }
    }
}

/// The row of an exchange: the client is the side that asked.
fn row(flow: &Flow, exchange: Exchange, inventory: &crate::inventory::Inventory) -> SessionRow {
    let end = |side: Side| -> End {
        match side {
            Side::Client => flow.client,
            Side::Server => flow.client.other(),
        }
    };
    let point = |side: Side| -> Endpoint { report::endpoint(flow, end(side), inventory) };
    SessionRow {
        flow: flow.id,
        client: point(exchange.from),
        server: point(exchange.from.other()),
        visibility: flow.visibility,
        exchange,
    }
}
