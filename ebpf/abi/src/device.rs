//! The device types by the words of the output and of policy files (`class:`).

use core::fmt;

/// What a device is. A policy may place a device by it, so it is set only when stable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DeviceType {
    /// Not known.
    #[default]
    Unknown = 0,
    /// Computed tomography scanner.
    Ct,
    /// Magnetic resonance scanner.
    Mr,
    /// Radiography or fluoroscopy system.
    Xray,
    /// The word `ultrasound`.
    Ultrasound,
    /// The word `mammography`.
    Mammography,
    /// Picture archive.
    Pacs,
    /// Radiology information system.
    Ris,
    /// Electronic health record.
    Ehr,
    /// The word `interface-engine`.
    InterfaceEngine,
    /// The word `worklist`.
    Worklist,
    /// The word `viewer`.
    Viewer,
    /// The word `infusion-pump`.
    InfusionPump,
    /// The word `pump-server`.
    PumpServer,
    /// The word `patient-monitor`.
    PatientMonitor,
    /// The word `central-station`.
    CentralStation,
    /// The word `ventilator`.
    Ventilator,
    /// The word `anaesthesia`.
    Anaesthesia,
    /// The word `analyser`.
    Analyser,
    /// The word `glucose-meter`.
    GlucoseMeter,
    /// The word `lab-system`.
    LabSystem,
    /// The word `gateway`.
    Gateway,
    /// The word `workstation`.
    Workstation,
    /// The word `server`.
    Server,
    /// The word `printer`.
    Printer,
    /// The word `phone`.
    Phone,
    /// The word `ip-camera`.
    IpCamera,
    /// The word `video-recorder`.
    VideoRecorder,
    /// The word `access-controller`.
    AccessController,
    /// The word `building-controller`.
    BuildingController,
    /// The word `network-device`.
    NetworkDevice,
    /// The word `mobile`.
    Mobile,
    /// The word `wearable`.
    Wearable,
}

impl DeviceType {
    /// Every value, in the order of the numbers.
    pub const ALL: [DeviceType; 33] = [
        DeviceType::Unknown,
        DeviceType::Ct,
        DeviceType::Mr,
        DeviceType::Xray,
        DeviceType::Ultrasound,
        DeviceType::Mammography,
        DeviceType::Pacs,
        DeviceType::Ris,
        DeviceType::Ehr,
        DeviceType::InterfaceEngine,
        DeviceType::Worklist,
        DeviceType::Viewer,
        DeviceType::InfusionPump,
        DeviceType::PumpServer,
        DeviceType::PatientMonitor,
        DeviceType::CentralStation,
        DeviceType::Ventilator,
        DeviceType::Anaesthesia,
        DeviceType::Analyser,
        DeviceType::GlucoseMeter,
        DeviceType::LabSystem,
        DeviceType::Gateway,
        DeviceType::Workstation,
        DeviceType::Server,
        DeviceType::Printer,
        DeviceType::Phone,
        DeviceType::IpCamera,
        DeviceType::VideoRecorder,
        DeviceType::AccessController,
        DeviceType::BuildingController,
        DeviceType::NetworkDevice,
        DeviceType::Mobile,
        DeviceType::Wearable,
    ];

    /// The word that output and policy files use.
    pub const fn word(self) -> &'static str {
        match self {
            DeviceType::Unknown => "unknown",
            DeviceType::Ct => "ct",
            DeviceType::Mr => "mr",
            DeviceType::Xray => "xray",
            DeviceType::Ultrasound => "ultrasound",
            DeviceType::Mammography => "mammography",
            DeviceType::Pacs => "pacs",
            DeviceType::Ris => "ris",
            DeviceType::Ehr => "ehr",
            DeviceType::InterfaceEngine => "interface-engine",
            DeviceType::Worklist => "worklist",
            DeviceType::Viewer => "viewer",
            DeviceType::InfusionPump => "infusion-pump",
            DeviceType::PumpServer => "pump-server",
            DeviceType::PatientMonitor => "patient-monitor",
            DeviceType::CentralStation => "central-station",
            DeviceType::Ventilator => "ventilator",
            DeviceType::Anaesthesia => "anaesthesia",
            DeviceType::Analyser => "analyser",
            DeviceType::GlucoseMeter => "glucose-meter",
            DeviceType::LabSystem => "lab-system",
            DeviceType::Gateway => "gateway",
            DeviceType::Workstation => "workstation",
            DeviceType::Server => "server",
            DeviceType::Printer => "printer",
            DeviceType::Phone => "phone",
            DeviceType::IpCamera => "ip-camera",
            DeviceType::VideoRecorder => "video-recorder",
            DeviceType::AccessController => "access-controller",
            DeviceType::BuildingController => "building-controller",
            DeviceType::NetworkDevice => "network-device",
            DeviceType::Mobile => "mobile",
            DeviceType::Wearable => "wearable",
        }
    }

    /// The value of a word, if it is one.
    pub fn parse(word: &str) -> Option<DeviceType> {
        Self::ALL.into_iter().find(|value| value.word() == word)
    }
}

impl fmt::Display for DeviceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
