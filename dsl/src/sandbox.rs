//! The environment of the service: a file system in memory, and no way out of it.
//!
//! Paths are taken as they are written: `.` and `..` are names like any other.

use std::collections::HashMap;
use std::sync::Arc;

use crate::environment::{OutputItem, ProfileSource, World};
use crate::failure::Failure;

/// Directories that a script may make: a bound on memory that no other limit sees.
const MAX_NODES: usize = 10_000;
/// Bytes of a path.
const MAX_PATH: usize = 4096;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    Directory,
    File,
}

pub(crate) struct Sandbox {
    nodes: HashMap<String, Node>,
    current: String,
    output: Vec<OutputItem>,
    printed: usize,
    written: usize,
    output_bytes: usize,
    files_bytes: usize,
}

impl Sandbox {
    pub(crate) fn new(output_bytes: usize, files_bytes: usize) -> Self {
        Self {
            nodes: HashMap::from([("/".to_owned(), Node::Directory)]),
            current: "/".to_owned(),
            output: Vec::new(),
            printed: 0,
            written: 0,
            output_bytes,
            files_bytes,
        }
    }

    fn absolute(&self, path: &str) -> Result<String, Failure> {
        let path = match path.strip_suffix('/') {
            Some(short) if !short.is_empty() => short,
            _ => path,
        };
        let absolute = if path.starts_with('/') {
            path.to_owned()
        } else if path.is_empty() {
            self.current.clone()
        } else {
            format!("{}/{path}", self.current.trim_end_matches('/'))
        };
        if absolute.len() > MAX_PATH {
            return Err(Failure::File(format!("the path is longer than {MAX_PATH} bytes")));
        }
        Ok(absolute)
    }

    fn add(&mut self, path: String, node: Node) -> Result<(), Failure> {
        if self.nodes.len() >= MAX_NODES && !self.nodes.contains_key(&path) {
            return Err(Failure::File(format!("more than {MAX_NODES} files and directories")));
        }
        self.nodes.insert(path, node);
        Ok(())
    }

    /// A line costs memory even when its text is empty.
    fn count(&mut self, line: &str) -> Result<(), Failure> {
        self.printed = self.printed.saturating_add(line.len() + size_of::<OutputItem>());
        if self.printed > self.output_bytes { Err(Failure::OutputLimit(self.output_bytes)) } else { Ok(()) }
    }

    fn require_directory(&self, path: &str) -> Result<(), Failure> {
        match self.nodes.get(path) {
            Some(Node::Directory) => Ok(()),
            _ => Err(Failure::File(format!("is not a directory: {path:?}"))),
        }
    }
}

impl World for Sandbox {
    fn print(&mut self, line: String) -> Result<(), Failure> {
        self.count(&line)?;
        self.output.push(OutputItem::Println(line));
        Ok(())
    }

    fn log(&mut self, message: &str) -> Result<(), Failure> {
        self.count(message)?;
        tracing::info!("{message}");
        Ok(())
    }

    fn write(&mut self, path: &str, content: Vec<u8>) -> Result<(), Failure> {
        if path.is_empty() || path.ends_with('/') {
            return Err(Failure::File("missing filename".to_owned()));
        }
        let path = self.absolute(path)?;
        let parent =
            path.rsplit_once('/').map_or("/", |(parent, _)| if parent.is_empty() { "/" } else { parent });
        self.require_directory(parent)?;
        if self.nodes.get(&path) == Some(&Node::Directory) {
            return Err(Failure::File(format!("is a directory: {path:?}")));
        }
        self.written = self.written.saturating_add(content.len());
        if self.written > self.files_bytes {
            return Err(Failure::FilesLimit(self.files_bytes));
        }
        self.add(path.clone(), Node::File)?;
        self.output.push(OutputItem::image(path, content));
        Ok(())
    }

    fn make_directories(&mut self, path: &str) -> Result<(), Failure> {
        let path = self.absolute(path)?;
        let ends = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]);
        for end in ends.collect::<Vec<_>>() {
            let directory = &path[..end];
            match self.nodes.get(directory) {
                Some(Node::Directory) => {}
                Some(Node::File) => return Err(Failure::File(format!("is not a directory: {directory:?}"))),
                None => self.add(directory.to_owned(), Node::Directory)?,
            }
        }
        Ok(())
    }

    fn change_directory(&mut self, path: &str) -> Result<(), Failure> {
        let path = self.absolute(path)?;
        self.require_directory(&path)?;
        self.current = path;
        Ok(())
    }

    fn arguments(&self) -> Vec<String> {
        Vec::new()
    }

    fn source(&self) -> Result<Arc<dyn ProfileSource>, Failure> {
        Err(Failure::Unsupported)
    }

    fn take_output(&mut self) -> Vec<OutputItem> {
        std::mem::take(&mut self.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sandbox() -> Sandbox {
        Sandbox::new(1 << 20, 1 << 20)
    }

    fn written_paths(sandbox: &mut Sandbox) -> Vec<String> {
        let image = |item| match item {
            OutputItem::Image { path, .. } => Some(path),
            OutputItem::Println(_) => None,
        };
        sandbox.take_output().into_iter().filter_map(image).collect()
    }

    #[test]
    fn files_are_written_below_the_current_directory() {
        let mut files = sandbox();
        files.make_directories("a/b").unwrap();
        files.change_directory("a").unwrap();
        files.write("b/x.svg", vec![1]).unwrap();
        files.write("/y.svg", vec![2]).unwrap();
        files.change_directory("b/").unwrap();
        files.write("../z", vec![]).unwrap_err();
        assert_eq!(written_paths(&mut files), ["/a/b/x.svg", "/y.svg"]);
    }

    #[test]
    fn wrong_paths_are_refused_by_name() {
        let mut files = sandbox();
        files.make_directories("d").unwrap();
        files.write("f", vec![]).unwrap();
        let message = |result: Result<(), Failure>| result.unwrap_err().to_string();
        assert_eq!(message(files.write("none/x", vec![])), "is not a directory: \"/none\"");
        assert_eq!(message(files.write("d", vec![])), "is a directory: \"/d\"");
        assert_eq!(message(files.write("", vec![])), "missing filename");
        assert_eq!(message(files.write("d/", vec![])), "missing filename");
        assert_eq!(message(files.change_directory("f")), "is not a directory: \"/f\"");
        assert_eq!(message(files.make_directories("f/g")), "is not a directory: \"/f\"");
        assert!(message(files.make_directories(&"x/".repeat(5000))).contains("longer"));
    }

    #[test]
    fn output_and_files_are_bounded() {
        let mut small = Sandbox::new(100, 10);
        let printed = (0..100).take_while(|_| small.print(String::new()).is_ok()).count();
        assert!(printed < 10);
        assert!(small.write("x", vec![0; 10]).is_ok());
        assert!(small.write("x", vec![0; 1]).is_err());
    }
}
