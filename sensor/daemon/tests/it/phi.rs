//! No word about a patient leaves the sensor: not in the rows, not in the summary, not on the terminal, not in a
//! baseline. Every place where clinical protocols carry such words holds a mark here.

use crate::build::Folder;
use crate::read::{Ran, wardline};
use crate::run::{sample_policy, text};
use fixtures::capture::{self, Endian, Format, Frame};
use fixtures::frames::Host;
use fixtures::traffic::dicom::{self, Association, command, command_set};
use fixtures::traffic::hl7::{Delimiters, Message, mllp};
use fixtures::traffic::{Conversation, Opening};
use std::path::Path;

/// Part of every word that must not leave. Letters alone, as names have, and no word of any protocol.
const MARK: &str = "Zzphi";

fn conversation(number: u16, port: u16) -> Conversation {
    let start = capture::START + u64::from(number) * 1_000_000_000;
    Conversation::between(Host::numbered(number), Host::numbered(900))
        .ports(40_000 + number, port)
        .starting(start)
}

/// A message whose every segment after the header is about a patient.
fn admission() -> Message {
    let segments = [
        "EVN|A01|20261124||ZzphiReason|ZzphiOperator^Zzphi^A",
        "PID|1|ZzphiExternal|ZzphiId^^^ZzphiHospital^MR|ZzphiAlternate|ZzphiMuster^ZzphiErika^B|ZzphiMaiden|19700101|F|ZzphiAlias||ZzphiStreet 1^^ZzphiTown^^ZzphiZip||ZzphiPhone|||M|ZzphiFaith|ZzphiAccount|ZzphiSsn",
        "NK1|1|ZzphiSister^Anna|SIS|ZzphiKinStreet|ZzphiKinPhone",
        "PV1|1|I|ZzphiWard^ZzphiBed||||ZzphiDoctor^Hans|||||||||||ZzphiVisit",
        "AL1|1||ZzphiAllergy",
        "DG1|1||ZzphiDiagnosis",
        "ORC|NW|ZzphiOrder|ZzphiFiller",
        "OBR|1|ZzphiPlacer|ZzphiFillerId|ZzphiCode^ZzphiTest",
        "OBX|1|TX|ZzphiObservation||ZzphiResult is bad",
        "NTE|1||Zzphi said that Zzphi is ill",
        "ZZP|ZzphiOwn|ZzphiSegment",
    ];
    let control = "CTRL1".to_owned();
    Message { control_id: control, segments: segments.map(str::to_owned).to_vec(), ..Message::default() }
}

fn refusal(of: &Message) -> Message {
    let segments = [
        format!("MSA|AE|{}|ZzphiMuster is not known here", of.control_id),
        "ERR|PID^1^5|PID^1^5^ZzphiErika|207|E|||ZzphiDetail|ZzphiUser message".to_owned(),
    ];
    Message { segments: segments.to_vec(), ..of.acknowledged("AE") }
}

fn hl7() -> Vec<Vec<Frame>> {
    let plain = admission();
    let odd = Delimiters { field: b'#', component: b'*', repetition: b'+', escape: b'!', subcomponent: b'%' };
    let odd = Message { delimiters: odd, ..admission() };
    let said = |number: u16, request: &[u8], reply: &[u8]| {
        conversation(number, 2575).client_says(request).server_says(reply)
    };
    let (request, reply) = (mllp(&plain.bytes()), mllp(&refusal(&plain).bytes()));
    let newlines = String::from_utf8(plain.bytes()).unwrap().replace('\r', "\r\n");
    // A repeated header, a header behind the patient, and a message whose rest comes without one.
    let twice = [plain.bytes(), plain.bytes()].concat();
    let behind = [&b"PID|1||ZzphiId||ZzphiMuster^ZzphiErika\r"[..], &plain.bytes()].concat();
    let half = request.split_at(request.len() / 2).1;
    let batch = [&b"FHS|^~\\&|A|B|||20261124||ZzphiFile|ZzphiComment\rBHS|^~\\&|A|B|||20261124||ZzphiBatch|ZzphiComment\r"[..], &plain.bytes()].concat();
    vec![
        said(1, &request, &reply).frames(),
        said(2, &request, &reply).piece_len(11).frames(),
        said(3, &mllp(&odd.bytes()), &mllp(&refusal(&odd).bytes())).frames(),
        said(4, &plain.bytes(), &refusal(&plain).bytes()).frames(),
        said(5, newlines.as_bytes(), b"").frames(),
        said(6, &mllp(&twice), &reply).frames(),
        said(7, &mllp(&behind), &reply).frames(),
        said(8, half, &reply).opening(Opening::Midstream).frames(),
        said(9, &mllp(&batch), &reply).frames(),
    ]
}

/// An element in implicit little endian.
fn element(group: u16, tag: u16, value: &str) -> Vec<u8> {
    let mut value = value.as_bytes().to_vec();
    value.resize(value.len().next_multiple_of(2), b' ');
    let len = u32::try_from(value.len()).unwrap().to_le_bytes();
    [&group.to_le_bytes()[..], &tag.to_le_bytes(), &len, &value].concat()
}

/// A data set with a mark in every place that names a patient, a study, a person or an institution's case.
fn patient(level: &str) -> Vec<u8> {
    let mut set = Vec::new();
    let tags = [
        (0x0008, 0x0050, "ZzphiAccession"),
        (0x0008, 0x0052, level),
        (0x0008, 0x0070, "Acme"),
        (0x0008, 0x0090, "ZzphiReferrer^Hans"),
        (0x0008, 0x1030, "ZzphiStudy of the head"),
        (0x0008, 0x103e, "ZzphiSeries"),
        (0x0008, 0x1050, "ZzphiPerformer"),
        (0x0008, 0x1070, "ZzphiOperator"),
        (0x0010, 0x0010, "ZzphiMuster^ZzphiErika"),
        (0x0010, 0x0020, "ZzphiId"),
        (0x0010, 0x0030, "19700101"),
        (0x0010, 0x1000, "ZzphiOther"),
        (0x0010, 0x1040, "ZzphiStreet 1"),
        (0x0010, 0x4000, "ZzphiComment"),
        (0x0018, 0x1000, "ZzphiSerial"),
        (0x0020, 0x0010, "ZzphiStudyId"),
        (0x0040, 0x0253, "ZzphiProcedure"),
        (0x0040, 0x1400, "ZzphiRequest"),
    ];
    for (group, tag, value) in tags {
        set.extend(element(group, tag, value));
    }
    set
}

fn dicom() -> Vec<Vec<Frame>> {
    let syntaxes = [dicom::VERIFICATION, dicom::CT_IMAGE_STORAGE, dicom::STUDY_ROOT_FIND].map(str::to_owned);
    let association = Association { abstract_syntaxes: syntaxes.to_vec(), ..Association::default() };
    let small = Association { max_pdu: 64, ..association.clone() };
    let find = |level: &str| {
        let ask = command_set(
            command::FIND,
            1,
            dicom::STUDY_ROOT_FIND,
            &[(0x0700, vec![0, 0]), (0x0800, vec![0, 0])],
        );
        let answer = |status: u16, data: bool| {
            let set = if data { vec![0, 0] } else { vec![1, 1] };
            let comment = (0x0902, b"ZzphiMuster not found".to_vec());
            let rest = [(0x0800, set), (0x0900, status.to_le_bytes().to_vec()), comment];
            command_set(command::FIND | command::RESPONSE, 1, dicom::STUDY_ROOT_FIND, &rest)
        };
        (
            association.message(5, &ask, Some(&patient(level))),
            association.message(5, &answer(0xff00, true), Some(&patient(level))),
            association.message(5, &answer(0xc001, false), None),
        )
    };
    let asked = |number: u16, level: &str, opening: Opening| {
        let (ask, pending, end) = find(level);
        conversation(number, 104)
            .opening(opening)
            .client_says(&association.request())
            .server_says(&association.accept())
            .client_says(&ask)
            .server_says(&[pending, end].concat())
            .frames()
    };
    let pixels = element(0x7fe0, 0x0010, &"\0Zzphi".repeat(10_000));
    let images = [patient("STUDY"), [patient("STUDY"), pixels].concat()];
    let (ask, pending, _) = find("STUDY");
    vec![
        dicom::store(conversation(20, 104), &association, &images).frames(),
        dicom::store(conversation(21, 104), &small, &images).frames(),
        asked(22, "STUDY", Opening::Handshake),
        asked(23, "ZzphiLevel", Opening::Handshake),
        asked(24, "PATIENT", Opening::Midstream),
        // The association is before the capture.
        conversation(25, 104).opening(Opening::Midstream).client_says(&ask).server_says(&pending).frames(),
    ]
}

fn http() -> Vec<Vec<Frame>> {
    let paths = [
        "/fhir/Patient/Zzphi123",
        "/fhir/Patient/zzphimuster",
        "/fhir/Patient?name=ZzphiMuster&identifier=ZzphiId",
        "/fhir/Observation?subject:Patient.name=Zzphi",
        "/ZzphiMuster",
        "/patients/zzphi-muster/erika-zzphi/chart",
        "/patients/Zzphi%20Muster/images;v=Zzphi",
        "/studies/zzphi.pdf",
        "/dicom-web/studies?PatientName=Zzphi*",
        "http://ehr.example/Patient/ZzphiId?x=Zzphi#Zzphi",
        "/api/v1/users/zzphi@hospital.example",
        "*?Zzphi",
    ];
    let headers = "Host: ehr.example\r\nUser-Agent: Viewer/1.0\r\nAuthorization: Basic WnpwaGk6WnpwaGk=\r\nCookie: name=Zzphi\r\nReferer: http://ehr.example/Patient/Zzphi\r\nX-Patient: Zzphi\r\nContent-Type: application/fhir+json; patient=Zzphi";
    let body = "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"ZzphiMuster\"}]}";
    let reply = |status: &str| {
        format!(
            "HTTP/1.1 {status}\r\nServer: Ehr/2\r\nLocation: /Patient/Zzphi\r\nSet-Cookie: p=Zzphi\r\nContent-Type: text/html; n=Zzphi\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let mut all = Vec::new();
    for (number, path) in (40..).zip(paths) {
        let ask =
            format!("POST {path} HTTP/1.1\r\n{headers}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let talk = conversation(number, 80).client_says(ask.as_bytes());
        all.push(talk.server_says(reply("404 Not Found, Zzphi").as_bytes()).frames());
    }
    let odd = [
        "GET /a HTTP/1.1\r\nHost: ehr.example\r\n\r\nZzphiMuster /Zzphi HTTP/1.1\r\n\r\n",
        "ZZPHI /Patient/Zzphi HTTP/1.1\r\nHost: ehr.example\r\n\r\n",
        "GET /Patient/Zzphi\r\n",
    ];
    for (number, ask) in (60..).zip(odd) {
        all.push(
            conversation(number, 8080)
                .client_says(ask.as_bytes())
                .server_says(reply("200 OK").as_bytes())
                .frames(),
        );
    }
    all
}

/// Where a mark is in what was written or said, with what is around it.
fn leaks(place: &str, bytes: &[u8], found: &mut Vec<String>) {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let mark = MARK.to_lowercase();
    for line in text.lines().filter(|line| line.contains(&mark)) {
        let at = line.find(&mark).unwrap_or_default();
        let around: String = line.chars().skip(at.saturating_sub(80)).take(160).collect();
        found.push(format!("{place}: …{around}…"));
    }
}

fn leaks_of(ran: &Ran, files: &Path) -> Vec<String> {
    let mut found = Vec::new();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    leaks("stdout", ran.stdout.as_bytes(), &mut found);
    leaks("stderr", ran.stderr.as_bytes(), &mut found);
    if files.is_dir() {
        for entry in std::fs::read_dir(files).unwrap() {
            let path = entry.unwrap().path();
            leaks(text(&path), &std::fs::read(&path).unwrap(), &mut found);
        }
    } else {
        leaks("baseline", &std::fs::read(files).unwrap(), &mut found);
    }
    found
}

#[test]
fn no_word_about_a_patient_leaves_the_sensor() {
    let folder = Folder::new();
    let frames = capture::by_time([hl7(), dicom(), http()].concat());
    let bytes = capture::write(Format::PcapNanos(Endian::Little), &frames);
    let marks = bytes.windows(MARK.len()).filter(|window| *window == MARK.as_bytes()).count();
    assert!(marks > 500, "only {marks} marks went in");
    let capture = folder.file("patients.pcap", &bytes);
    let (baseline, out, policy) =
        (folder.path().join("baseline"), folder.path().join("out"), sample_policy());
    let learned = wardline(&["learn", text(&capture), "--out", text(&baseline)], b"");
    let mut found = leaks_of(&learned, &baseline);
    let options = ["--policy", text(&policy), "--baseline", text(&baseline), "--out", text(&out)];
    for form in [&["--json"][..], &[]] {
        let ran = wardline(&[&["replay", text(&capture)], &options[..], form].concat(), b"");
        found.extend(leaks_of(&ran, &out));
    }
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
    // The dissectors did read what was marked: silence alone would prove nothing.
    let sessions = std::fs::read_to_string(out.join("sessions.jsonl")).unwrap();
    for word in [
        "\"ADT^A01\"",
        "\"CTRL1\"",
        "\"c-store\"",
        "\"c-find\"",
        "\"ehr.example\"",
        "\"Viewer/1.0\"",
        "\"Acme\"",
    ] {
        assert!(sessions.contains(word), "no {word} in the sessions");
    }
}

#[test]
fn a_leak_would_be_found() {
    let mut found = Vec::new();
    leaks("here", b"{\"name\":\"ZZPHImuster\"}\n", &mut found);
    assert_eq!(found.len(), 1);
}
