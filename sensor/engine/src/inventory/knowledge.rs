//! Fact tables that come with the program: vendors by MAC prefix, DICOM implementations and roles. Read once.

use abi::address::Mac;
use abi::device::DeviceType;
use std::sync::OnceLock;

/// What a MAC prefix says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Maker {
    /// The organisation.
    pub(crate) vendor: &'static str,
    /// What it says of the device.
    pub(crate) says: Says,
    /// Probability that it holds.
    pub(crate) weight: f32,
}

/// What a prefix says of a device beside its vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// The vendor of the device, and no more.
    Vendor,
    /// The vendor, and what its devices mostly are.
    Type(DeviceType),
    /// Only who made the network module: no word on the device.
    Module,
}

/// A DICOM implementation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Implementation {
    /// The product or toolkit.
    pub(crate) product: &'static str,
    /// Who makes it.
    pub(crate) vendor: &'static str,
    /// Whether it names the device or a toolkit inside it.
    pub(crate) names: Names,
    /// Probability that it holds.
    pub(crate) weight: f32,
}

/// What an implementation identifier names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// The maker of the device.
    Device,
    /// A toolkit, which is no evidence of the vendor.
    Toolkit,
}

/// What an SOP class says of its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Storage of images of one kind of modality.
    Modality(DeviceType),
    /// Storage of other objects.
    Storage,
    /// Modality worklist.
    Worklist,
    /// Modality performed procedure step.
    Mpps,
    /// Query and retrieve.
    Query,
    /// Print.
    Print,
    /// Verification.
    Echo,
}

struct Tables {
    makers: Vec<(u64, u8, Maker)>,
    implementations: Vec<(&'static str, Implementation)>,
    roles: Vec<(&'static str, Role)>,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| Tables {
        makers: makers(include_str!("../../knowledge/oui.tsv")),
        implementations: implementations(include_str!("../../knowledge/dicom_implementations.tsv")),
        roles: roles(include_str!("../../knowledge/dicom_roles.tsv")),
    })
}

/// The rows of a table: without comments and heading.
fn rows(text: &'static str) -> impl Iterator<Item = std::str::Split<'static, char>> {
    text.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| line.split('\t'))
}

fn makers(text: &'static str) -> Vec<(u64, u8, Maker)> {
    let mut all: Vec<_> = rows(text)
        .filter_map(|mut row| {
            let prefix = u64::from_str_radix(row.next()?, 16).ok()?;
            let bits: u8 = row.next()?.parse().ok()?;
            let vendor = row.next()?;
            let says = match row.next()? {
                "" => Says::Vendor,
                "module" => Says::Module,
                word => Says::Type(DeviceType::parse(word)?),
            };
            let weight = row.next()?.parse().ok()?;
            Some((prefix << (48 - u32::from(bits)), bits, Maker { vendor, says, weight }))
        })
        .collect();
    all.sort_by_key(|&(prefix, bits, _)| (prefix, bits));
    all
}

fn implementations(text: &'static str) -> Vec<(&'static str, Implementation)> {
    let read = |mut row: std::str::Split<'static, char>| {
        let prefix = row.next()?;
        let (product, vendor) = (row.next()?, row.next()?);
        let names = if row.next()? == "1" { Names::Device } else { Names::Toolkit };
        let weight = row.next()?.parse().ok()?;
        Some((prefix, Implementation { product, vendor, names, weight }))
    };
    rows(text).filter_map(read).collect()
}

fn roles(text: &'static str) -> Vec<(&'static str, Role)> {
    let read = |mut row: std::str::Split<'static, char>| {
        let uid = row.next()?;
        let role = match row.next()? {
            "storage" => Role::Storage,
            "worklist" => Role::Worklist,
            "mpps" => Role::Mpps,
            "query" => Role::Query,
            "print" => Role::Print,
            "echo" => Role::Echo,
            word => Role::Modality(DeviceType::parse(word)?),
        };
        Some((uid, role))
    };
    let mut all: Vec<_> = rows(text).filter_map(read).collect();
    all.sort_by_key(|&(uid, _)| uid);
    all
}

/// Who a MAC address was assigned to: the longest prefix of 36, 28 or 24 bits. None for locally administered ones.
pub(crate) fn maker(mac: Mac) -> Option<Maker> {
    if mac.is_local() || mac.is_group() {
        return None;
    }
    let address = mac.0.iter().fold(0u64, |address, &byte| address << 8 | u64::from(byte));
    let makers = &tables().makers;
    [36u8, 28, 24].into_iter().find_map(|bits| {
        let prefix = address >> (48 - bits) << (48 - bits);
        let place = makers.binary_search_by_key(&(prefix, bits), |&(prefix, bits, _)| (prefix, bits)).ok()?;
        makers.get(place).map(|&(_, _, maker)| maker)
    })
}

/// Which implementation a DICOM implementation class UID names: the longest prefix that ends at a component.
pub(crate) fn implementation(uid: &str) -> Option<Implementation> {
    tables()
        .implementations
        .iter()
        .filter(|(prefix, _)| {
            uid.strip_prefix(prefix)
                .is_some_and(|rest| prefix.ends_with('.') || rest.is_empty() || rest.starts_with('.'))
        })
        .max_by_key(|(prefix, _)| prefix.len())
        .map(|&(_, implementation)| implementation)
}

/// What an SOP class says of its user.
pub(crate) fn role(uid: &str) -> Option<Role> {
    let roles = &tables().roles;
    let place = roles.binary_search_by_key(&uid, |&(uid, _)| uid).ok()?;
    roles.get(place).map(|&(_, role)| role)
}
