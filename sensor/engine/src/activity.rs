//! Session rows reduced to what detection needs.

use crate::output::SessionRow;
use detectors::record::{Activity, Outcome};
use wire::Said;
use wire::dicom::{Answer, Dicom};
use wire::hl7::Hl7;

/// The operation of a row.
pub(crate) fn of(row: &SessionRow) -> Activity<'_> {
    let said = &row.exchange.said;
    let mut activity = Activity {
        at: row.exchange.at,
        flow: row.flow,
        app: said.app(),
        client: row.client,
        server: row.server,
        op: said.op(),
        subject: "",
        client_name: "",
        server_name: "",
        outcome: Outcome::Open,
        objects: 0,
        bytes: 0,
    };
    match said {
        Said::Dicom(said) => dicom(said, &mut activity),
        Said::Hl7(said) => hl7(said, &mut activity),
        Said::Dns(said) => dns(said, &mut activity),
        Said::Dhcp(said) => activity.client_name = said.hostname.as_deref().unwrap_or_default(),
        Said::Tls(said) => {
            activity.subject = said.ja4.as_deref().unwrap_or_default();
            activity.server_name = said.sni.as_deref().unwrap_or_default();
            activity.outcome = if said.alert.is_some() {
                Outcome::Failure
            } else if said.version.is_some() {
                Outcome::Success
            } else {
                Outcome::Open
            };
        }
        Said::Http(said) => http(said, &mut activity),
    }
    activity
}

fn dicom<'a>(said: &'a Dicom, activity: &mut Activity<'a>) {
    match said {
        Dicom::Associate(associate) => {
            activity.client_name = associate.parties.calling.as_str();
            activity.server_name = associate.parties.called.as_str();
            activity.subject = associate.implementation_class_uid.as_deref().unwrap_or_default();
            activity.objects = associate.accepted_contexts;
            activity.outcome = match associate.answer {
                Answer::Accepted => Outcome::Success,
                Answer::Missing => Outcome::Open,
                Answer::Rejected { .. } | Answer::Aborted => Outcome::Failure,
            };
        }
        Dicom::Command(command) => {
            activity.client_name = command.parties.calling.as_str();
            activity.server_name = command.parties.called.as_str();
            activity.subject = command.sop_class.as_deref().unwrap_or_default();
            activity.bytes = command.bytes.saturating_add(command.response_bytes);
            let moved = command.suboperations.completed.map_or(0, u32::from);
            activity.objects = command.responses.max(moved);
            activity.outcome = match command.status {
                None => Outcome::Open,
                // PS3.7 annex C: success, warnings (Bxxx and 0001) and pending; all else is a failure or a cancel.
                Some(0 | 1 | 0xb000..=0xbfff | 0xff00 | 0xff01) => Outcome::Success,
                Some(_) => Outcome::Failure,
            };
        }
        Dicom::Release(parties) | Dicom::Abort { parties, .. } => {
            activity.client_name = parties.calling.as_str();
            activity.server_name = parties.called.as_str();
        }
    }
}

fn hl7<'a>(said: &'a Hl7, activity: &mut Activity<'a>) {
    let heading = said.heading();
    activity.subject = heading.message_type.as_str();
    activity.client_name = heading.sending_application.as_str();
    activity.server_name = heading.receiving_application.as_str();
    activity.bytes = heading.bytes;
    let code = match said {
        Hl7::Message(message) => message.ack_code.as_str(),
        Hl7::Ack(ack) => ack.ack_code.as_str(),
    };
    activity.outcome = match code {
        "" => Outcome::Open,
        "AA" | "CA" => Outcome::Success,
        _ => Outcome::Failure,
    };
}

fn dns<'a>(said: &'a wire::dns::Dns, activity: &mut Activity<'a>) {
    // The question's type by its number: detection compares, it does not show.
    activity.subject = match said.kind {
        Some(1) => "A",
        Some(2) => "NS",
        Some(5) => "CNAME",
        Some(10) => "NULL",
        Some(12) => "PTR",
        Some(15) => "MX",
        Some(16) => "TXT",
        Some(28) => "AAAA",
        Some(33) => "SRV",
        Some(65_399) => "PRIVATE",
        Some(_) => "OTHER",
        None => "",
    };
    activity.server_name = said.name.as_deref().unwrap_or_default();
    activity.objects = u32::from(said.answers);
    activity.bytes = said.bytes_request.saturating_add(said.bytes_response);
    activity.outcome = match said.rcode {
        None => Outcome::Open,
        Some(0) => Outcome::Success,
        Some(_) => Outcome::Failure,
    };
}

fn http<'a>(said: &'a wire::http::Http, activity: &mut Activity<'a>) {
    activity.subject = said.method.as_str();
    activity.client_name = said.user_agent.as_deref().unwrap_or_default();
    activity.server_name = said.host.as_deref().unwrap_or_default();
    activity.bytes = said.request_bytes.saturating_add(said.response_bytes);
    activity.outcome = match said.status {
        Some(..=399) => Outcome::Success,
        // Refused for want of a right (RFC 9110 sections 15.5.2, 15.5.4, 15.5.8); other errors refuse nobody.
        Some(401 | 403 | 407) => Outcome::Failure,
        None | Some(400..) => Outcome::Open,
    };
}
