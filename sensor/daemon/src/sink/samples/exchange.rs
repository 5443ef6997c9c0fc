//! Exchanges of every protocol, each with all that its row can hold.

use super::{AWKWARD, later, local, routed};
use abi::address::{Ip, Mac};
use abi::app::App;
use abi::device::DeviceType;
use detectors::record::{FlowId, Visibility};
use engine::output::SessionRow;
use wire::dicom::{
    Aet, Answer, Associate, Command, Dicom, Equipment, Level, Operation, Parties, Suboperations,
};
use wire::hl7::{Ack, Heading, Hl7, Message};
use wire::{Exchange, Said, Side, dhcp, dns, http, tls};

/// A row for each exchange.
pub(crate) fn sessions() -> Vec<SessionRow> {
    let said = dicom().into_iter().chain(hl7()).chain(dns()).chain(dhcp());
    said.chain([tls(), Said::Tls(tls::Tls::default()), http(), Said::Http(http::Http::default())])
        .map(|said| SessionRow {
            flow: FlowId(12),
            client: local(7, DeviceType::Ct, 49_152),
            server: routed(DeviceType::Pacs, 104),
            visibility: Visibility::Midstream,
            exchange: Exchange { at: later(1), from: Side::Client, said },
        })
        .collect()
}

#[expect(clippy::unnecessary_wraps, reason = "every text of an exchange may be absent")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn dicom() -> Vec<Said> {
    let parties = Parties { calling: Aet::read(b"CT01            "), called: Aet::read(b"ARCHIVE\x1b[31m") };
    let association = Associate {
        parties,
        answer: Answer::Accepted,
        implementation_class_uid: text("1.2.276.0.7230010.3.0.3.6.7"),
        implementation_version_name: text("OFFIS_DCMTK_367"),
        max_pdu: Some(16_384),
        presentation_contexts: 2,
        accepted_contexts: 1,
        abstract_syntaxes: vec!["1.2.840.10008.5.1.4.1.1.2".to_owned()],
        user_identity: Some(1),
        cut: true,
        ..Associate::default()
    };
    let rejected = Answer::Rejected { result: 1, source: 1, reason: 7 };
    let answers = [Answer::Accepted, Answer::Missing, Answer::Aborted, rejected];
    let associations =
        answers.map(|answer| Dicom::Associate(Box::new(Associate { answer, ..association.clone() })));
    let ends = [Dicom::Release(parties), Dicom::Abort { parties, source: 2, reason: 1 }];
    let commands = [
        Operation::Store,
        Operation::Get,
        Operation::Find,
        Operation::Move,
        Operation::Echo,
        Operation::Cancel,
        Operation::EventReport,
        Operation::NGet,
        Operation::NSet,
        Operation::NAction,
        Operation::NCreate,
        Operation::NDelete,
    ]
    .map(|operation| Dicom::Command(Box::new(command(operation, parties))));
    associations.into_iter().chain(ends).chain(commands).map(Said::Dicom).collect()
}

fn command(operation: Operation, parties: Parties) -> Command {
    Command {
        operation,
        parties,
        message_id: 1,
        sop_class: text("1.2.840.10008.5.1.4.1.1.2"),
        status: Some(0xa700),
        responses: 2,
        destination: Some(Aet::read(b"WS3")),
        query_level: Some(Level::Study),
        wildcard: Some(false),
        suboperations: Suboperations { completed: Some(3), failed: Some(0), warning: None },
        bytes: 524_288,
        response_bytes: 0,
        equipment: Some(Box::new(Equipment { manufacturer: text(AWKWARD), ..Equipment::default() })),
    }
}

fn hl7() -> [Said; 2] {
    let heading = Heading {
        message_type: "ADT^A01".to_owned(),
        control_id: "MSG00001".to_owned(),
        sending_application: AWKWARD.to_owned(),
        version: "2.5.1".to_owned(),
        segments: 5,
        bytes: 812,
        cut: true,
        ..Heading::default()
    };
    let equipment = vec!["00:09:fb".to_owned(), AWKWARD.to_owned()];
    let ack =
        Ack { heading: heading.clone(), ack_code: "AA".to_owned(), acked_control_id: "MSG00001".to_owned() };
    [
        Said::Hl7(Hl7::Message(Box::new(Message { heading, acks: 1, equipment, ..Message::default() }))),
        Said::Hl7(Hl7::Ack(Box::new(ack))),
    ]
}

fn dns() -> impl Iterator<Item = Said> {
    use dns::Operation;
    let operations = [Operation::Query, Operation::Announce, Operation::Update, Operation::Notify];
    let words = [App::Dns, App::Mdns, App::Llmnr, App::Dns];
    operations.into_iter().zip(words).map(|(operation, app)| {
        Said::Dns(dns::Dns {
            app,
            operation,
            id: 0xbeef,
            name: text(AWKWARD),
            kind: Some(1),
            rcode: Some(3),
            answers: 1,
            addresses: vec![Ip::v4([10, 1, 0, 9])],
            names: vec!["_dicom._tcp.local".to_owned()],
            host: text("archive.local"),
            texts: vec!["ty=Archive".to_owned()],
            bytes_request: 31,
            bytes_response: 47,
        })
    })
}

fn dhcp() -> impl Iterator<Item = Said> {
    use dhcp::Kind;
    let ip = Some(Ip::v4([10, 1, 0, 7]));
    [
        Kind::Discover,
        Kind::Offer,
        Kind::Request,
        Kind::Decline,
        Kind::Ack,
        Kind::Nak,
        Kind::Release,
        Kind::Inform,
    ]
    .into_iter()
    .map(move |kind| {
        Said::Dhcp(dhcp::Dhcp {
            kind,
            client_mac: Mac([0, 9, 0xfb, 0, 0, 7]),
            transaction: 0x1234_5678,
            hostname: text(AWKWARD),
            fqdn: None,
            vendor_class: text("pump"),
            user_class: None,
            parameters: vec![1, 3, 6],
            order: vec![53, 55],
            client_id: Some(vec![255, 1, 2]),
            client_ip: ip,
            requested_ip: ip,
            your_ip: ip,
            relay_ip: None,
            server_id: ip,
            router: ip,
            dns: ip.into_iter().collect(),
            domain: text("hospital.example"),
            lease: Some(86_400),
            bytes: 300,
        })
    })
}

fn tls() -> Said {
    Said::Tls(tls::Tls {
        sni: text("archive.hospital.example"),
        alpn_offered: vec!["h2".to_owned()],
        version: Some(0x0303),
        cipher: Some(0xc02f),
        ciphers: 12,
        ja4: text("t12d1209h2_d34a8e72043a_b39be8c56a14"),
        alert: Some(40),
        ..tls::Tls::default()
    })
}

fn http() -> Said {
    Said::Http(http::Http {
        method: "POST".to_owned(),
        host: text("archive:8042"),
        resource: text("/instances/:id"),
        user_agent: text(AWKWARD),
        auth: Some("basic"),
        status: Some(200),
        request_bytes: 120,
        response_bytes: 4_711,
        ..http::Http::default()
    })
}
