//! What a program did to the files of one folder, as `strace` saw it.
//!
//! Nothing is believed unseen: a call that is not modelled here ends the test, and the operations
//! carried out one after another must give the folder as the program left it, byte by byte.

mod calls;
mod recorder;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use recorder::Recorder;

/// A file, whatever its names are.
pub type FileId = usize;

/// Names and the bytes of the files that they name.
pub type Folder = BTreeMap<String, Vec<u8>>;

/// One step of the program.
pub enum Op {
    /// Bytes that belong at an offset.
    Write {
        file: FileId,
        offset: usize,
        data: Vec<u8>,
    },
    /// A new length.
    SetLen { file: FileId, len: usize },
    /// Names that change together, to name a file or nothing.
    Entries(Vec<(String, Option<FileId>)>),
    /// All that had been done to the file before the step `began` is durable.
    SyncFile { file: FileId, began: usize },
    /// The same of the names.
    SyncFolder { began: usize },
    /// A line on stdout.
    Said(String),
    /// The end, with this exit code.
    Exit(i32),
}

/// A run of the program.
pub struct Recording {
    /// The names that there were before, and the files that they named.
    pub names: BTreeMap<String, FileId>,
    /// The files by their id, as they were before; what the run made was empty.
    pub files: Vec<Vec<u8>>,
    /// In the order in which they ended.
    pub ops: Vec<Op>,
}

/// Why no process can be watched here; `None` where one can.
pub fn why_not() -> Option<String> {
    let tried = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-e", "trace=fsync", "true"])
        .stdin(Stdio::null())
        .output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("strace: {error}")),
    }
}

impl Recording {
    /// Runs `command` in `folder` and takes down what it does there.
    pub fn of(command: &Command, folder: &Path) -> Self {
        let folder = folder.canonicalize().unwrap();
        let before = contents(&folder);
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-xx", "-s", "1000000000", "-e", calls::TRACED, "-o"])
            .arg(log.path())
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => strace.env(name, value),
                None => strace.env_remove(name),
            };
        }
        let output = strace.current_dir(&folder).output().unwrap();
        let log = std::fs::read_to_string(log.path()).unwrap();
        let mut recorder = Recorder::new(&folder, before);
        for call in calls::read(&log) {
            recorder.take(&call);
        }
        let recording = recorder.recording;
        assert!(
            recording.replayed() == contents(&folder),
            "something was done to {} that the trace does not show: {output:?}",
            folder.display()
        );
        recording
    }

    /// What all steps come to where none is lost.
    fn replayed(&self) -> Folder {
        let mut files = self.files.clone();
        let mut names = self.names.clone();
        for op in &self.ops {
            match op {
                Op::Entries(entries) => apply_entries(&mut names, entries),
                op => {
                    if let Some(file) = op.changes() {
                        op.apply(&mut files[file]);
                    }
                }
            }
        }
        let bytes = |(name, file): (String, FileId)| (name, files[file].clone());
        names.into_iter().map(bytes).collect()
    }
}

impl Op {
    /// The file whose bytes it changes.
    pub fn changes(&self) -> Option<FileId> {
        match self {
            Self::Write { file, .. } | Self::SetLen { file, .. } => Some(*file),
            _ => None,
        }
    }

    /// Carries it out on the bytes of its file.
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { offset, data, .. } => {
                let end = offset + data.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[*offset..end].copy_from_slice(data);
            }
            Self::SetLen { len, .. } => bytes.resize(*len, 0),
            _ => {}
        }
    }
}

/// Carries a change of names out.
pub fn apply_entries(names: &mut BTreeMap<String, FileId>, entries: &[(String, Option<FileId>)]) {
    for (name, file) in entries {
        match file {
            Some(file) => names.insert(name.clone(), *file),
            None => names.remove(name),
        };
    }
}

/// What is in a folder of files.
pub fn contents(folder: &Path) -> Folder {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}
