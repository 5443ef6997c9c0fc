//! Files that are there whole or not at all.

use crate::exit::Failure;
use std::error::Error;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use tempfile::NamedTempFile;

/// Finds out whether [`write`] to `path` could work, for commands that would do hours of work before they write.
///
/// # Errors
/// The path is a folder, or its folder cannot be made or written.
pub(crate) fn try_out(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Err(failed(path)(io::ErrorKind::IsADirectory.into()));
    }
    beside(path).map(drop)
}

/// Writes beside the target and renames, so that a file of this name is never half written. An earlier file stays until then.
///
/// # Errors
/// The file could not be written; nothing has changed then.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = beside(path)?;
    file.write_all(bytes).map_err(failed(path))?;
    file.persist(path).map_err(|error| failed(path)(error.error))?;
    Ok(())
}

/// Replaces a file that is there by one of the same owner and permissions; where the path is a link, what it leads to.
///
/// # Errors
/// The file could not be written; nothing has changed then.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let target = fs::canonicalize(path).map_err(failed(path))?;
    let before = fs::metadata(&target).map_err(failed(path))?;
    let mut file = beside(&target)?;
    file.write_all(bytes).map_err(failed(path))?;
    // Only root may give a file away. Where we may not, the file stays as it is rather than change its owner.
    let is_ours = fs::metadata(file.path()).map_err(failed(path))?;
    if (is_ours.uid(), is_ours.gid()) != (before.uid(), before.gid()) {
        std::os::unix::fs::chown(file.path(), Some(before.uid()), Some(before.gid()))
            .map_err(failed(path))?;
    }
    file.as_file().set_permissions(before.permissions()).map_err(failed(path))?;
    file.persist(&target).map_err(|error| failed(path)(error.error))?;
    Ok(())
}

fn beside(path: &Path) -> Result<NamedTempFile, Failure> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed(path))?;
    // As for any new file, the user's mask (umask(2)) takes away what others shall not have.
    let permissions = Permissions::from_mode(0o666);
    tempfile::Builder::new().permissions(permissions).tempfile_in(folder).map_err(failed(path))
}

/// For `map_err`: the target could not be written. The name of the file beside it would tell the user nothing, so only
/// the kernel's cause is kept.
fn failed(path: &Path) -> impl Fn(io::Error) -> Failure + '_ {
    |error| {
        let kernel = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        let bare = kernel.and_then(io::Error::raw_os_error).map(io::Error::from_raw_os_error);
        Failure::writing(&path.display().to_string(), bare.unwrap_or(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn the_file_is_replaced_and_nothing_lies_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("new/site.baseline");
        try_out(&path).unwrap();
        assert!(!path.exists());
        write(&path, b"first").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(root.path().join("new")).unwrap().count(), 1);
    }

    #[test]
    fn others_may_read_it_as_they_may_any_new_file() {
        let root = tempfile::tempdir().unwrap();
        let (ours, usual) = (root.path().join("ours"), root.path().join("usual"));
        write(&ours, b"").unwrap();
        fs::write(&usual, b"").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&usual));
    }

    #[test]
    fn what_is_replaced_keeps_its_permissions_and_a_link_stays_a_link() {
        let root = tempfile::tempdir().unwrap();
        let (file, link) = (root.path().join("policy.yaml"), root.path().join("link.yaml"));
        fs::write(&file, b"before").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, b"after").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"after");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2, "nothing lies beside it");
    }

    #[test]
    fn a_target_that_cannot_be_written_is_named_as_the_user_named_it() {
        let root = tempfile::tempdir().unwrap();
        // No folder can be made below a file, nor a file in a folder of the kernel's.
        fs::write(root.path().join("file"), b"mine").unwrap();
        for path in
            [root.path().join("file/site.baseline"), root.path().to_owned(), "/proc/site.baseline".into()]
        {
            let failure = try_out(&path).unwrap_err();
            let text = failure.cause.to_string();
            assert!(text.starts_with(&format!("{}: cannot be written: ", path.display())), "{text}");
            assert!(!text.replace(path.to_str().unwrap(), "").contains(".tmp"), "{text}");
            assert!(matches!(failure.exit, Exit::Usage | Exit::NotPermitted));
        }
    }
}
