use super::*;

fn meaning(app: App, op: &str, subject: &str, server: DeviceType) -> &'static str {
    nature(&Act::operation(ActKey::of_operation(app, op, subject), app, op, subject), server).kind
}

#[test]
fn an_operation_is_named_by_what_it_would_do() {
    assert_eq!(meaning(App::Modbus, "write-multiple-registers", "", DeviceType::Unknown), "modbus-command");
    assert_eq!(meaning(App::Modbus, "read-coils", "", DeviceType::Unknown), "control-reading");
    assert_eq!(meaning(App::Dicom, "c-move", "1.2", DeviceType::Pacs), "dicom-collection");
    assert_eq!(meaning(App::Dicom, "c-store", "1.2", DeviceType::Pacs), "data-injection");
    assert_eq!(meaning(App::Hl7, "message", "ORU^R01", DeviceType::Unknown), "message-injection");
    assert_eq!(meaning(App::Hl7, "message", "QBP^Q11", DeviceType::Unknown), "data-collection");
    assert_eq!(meaning(App::Http, "request", "DELETE", DeviceType::Server), "data-destruction");
}

#[test]
fn a_service_on_a_pump_is_a_command_even_when_its_protocol_is_not_known() {
    let key = ActKey::of_service(6, 8100, App::Unknown);
    assert_eq!(nature(&Act::service(key, App::Unknown), DeviceType::InfusionPump).kind, "device-command");
    assert_eq!(nature(&Act::service(key, App::Unknown), DeviceType::Workstation).kind, "service-access");
}

#[test]
fn operations_and_services_never_share_a_key() {
    let operation = ActKey::of_operation(App::Dicom, "c-find", "");
    assert!(operation.is_operation());
    assert_eq!(operation.service(), None);
    assert_eq!(ActKey::of_service(6, 104, App::Dicom).service(), Some((6, 104)));
    assert_ne!(operation, ActKey::of_operation(App::Dicom, "c-fin", "d"));
}
