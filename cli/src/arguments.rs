//! What one types.

use crate::client::{Credentials, DEFAULT_SERVER};
use crate::server::ServerArguments;
use bytehound_store::{ProfileId, Scope};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Finds out where the memory of a native program goes.
#[derive(Debug, Parser)]
#[command(
    name = "bytehound",
    version,
    arg_required_else_help = true,
    after_help = "Examples:\n  bytehound run -- ./program its arguments\n  bytehound server memory-profiling_*.dat\n  \
                  bytehound script leaks.rhai -d capture.dat\n  bytehound compare before.dat after.dat"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs a program and captures every allocation it makes
    #[command(
        after_help = "Examples:\n  bytehound run -- python3 script.py\n  bytehound run --label branch=main --output \
                            runs/%e_%p.dat -- ./program\n\nThe program's exit status is passed through. Placeholders of \
                            --output: %p process id, %t seconds since 1970, %e name of the program, %n a counter, %% a \
                            percent sign."
    )]
    Run(RunArguments),
    /// Indexes captures and serves the web UI and the API
    #[command(
        after_help = "Examples:\n  bytehound server memory-profiling_*.dat\n  bytehound server --port 0 --data-dir \
                            /srv/bytehound\n  bytehound server --interface 0.0.0.0 --host-name profiles.example \
                            --config /etc/bytehound.toml\n\nCaptures given here stay where they lie. A capture that was indexed before \
                            is ready at once."
    )]
    Server(ServerArguments),
    /// Sends captures to a running server
    #[command(
        after_help = "Examples:\n  bytehound upload capture.dat\n  bytehound upload capture.dat --label \
                            branch=main --wait --server http://127.0.0.1:8080"
    )]
    Upload(UploadArguments),
    /// Makes, lists and revokes the tokens that let clients in
    #[command(
        after_help = "Examples:\n  bytehound token create --name ci --scope read,write\n  bytehound token list\n  \
                            bytehound token revoke t_2xkqz7ab\n\nA server on another interface than loopback asks for \
                            them. What is made or revoked here takes effect at once."
    )]
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Runs a script over captures, or asks for it line by line
    #[command(
        after_help = "Examples:\n  bytehound script leaks.rhai -d capture.dat\n  bytehound script report.rhai -d \
                            capture.dat first-argument\n  bytehound script -d capture.dat -e \
                            'allocations().only_leaked().len()'\n  bytehound script -d before.dat -d after.dat\n\nWithout \
                            SCRIPT and -e, on a terminal, it prompts: Tab completes names, Ctrl-C stops what runs, Ctrl-D \
                            ends."
    )]
    Script(ScriptArguments),
    /// Says what changed between two runs, or two sets of runs
    #[command(
        after_help = "Examples:\n  bytehound compare before.dat after.dat\n  bytehound compare before.dat after.dat \
                            --by peak_bytes --json\n  bytehound compare --base a1.dat --base a2.dat --new b1.dat --new \
                            b2.dat\n\nExit codes: 0 the same, 1 they differ, 2 trouble."
    )]
    Compare(CompareArguments),
    /// Takes captures from programs that run, here or on other machines
    #[command(
        after_help = "Examples:\n  bytehound gather\n  bytehound gather 192.168.0.7:8100 --output-dir captures\n\nThe \
                            program is started with MEMORY_PROFILER_ENABLE_SERVER=1, to be found without an address \
                            with MEMORY_PROFILER_ENABLE_BROADCAST=1, and for other machines with \
                            MEMORY_PROFILER_SERVER_INTERFACE=0.0.0.0, too. Each capture goes to a file \
                            YYYYMMDD_HHMMSS_PID_PROGRAM.dat, whose path is printed when it ends. Ctrl-C keeps what has \
                            come: it can be loaded."
    )]
    Gather(GatherArguments),
    /// Writes captures in another version of the format
    #[command(
        after_help = "Examples:\n  bytehound repack capture.dat -o smaller.dat\n  bytehound repack --format 0.11 \
                            capture.dat -o for-the-original.dat\n  bytehound repack runs/*.dat -o repacked/\n\nEverything \
                            here reads both versions. Bytehound 0.11 reads only 0.11. The path of each file that was \
                            written is printed."
    )]
    Repack(RepackArguments),
    /// Looks after the data directory: what it takes, whether it is whole, what is not needed any more
    #[command(
        after_help = "Examples:\n  bytehound store stat\n  bytehound store verify --json\n  bytehound store reindex \
                            --all\n\nA directory that a running server has open is looked after through that server."
    )]
    Store(StoreArguments),
}

#[derive(Debug, Args)]
pub(crate) struct StoreArguments {
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Says what the directory holds, and what that takes
    #[command(
        after_help = "Examples:\n  bytehound store stat\n  bytehound store stat --data-dir /srv/bytehound --json"
    )]
    Stat(StoreOutput),
    /// Reads everything and compares it with its checksums; exit code 1 if something is damaged
    #[command(
        after_help = "Examples:\n  bytehound store verify\n  bytehound store verify p_6tzgm3ysakxp7wkbxkbazmvkjuqxzhdx \
                            --json\n\nA damaged index is built again: by the server, the next server, or `bytehound store \
                            reindex`. A damaged capture has to be uploaded again; its index answers meanwhile."
    )]
    Verify(VerifyArguments),
    /// Removes what is not needed any more: what crashes left, superseded indexes, symbols of no profile, waste in the catalogue
    #[command(after_help = "Examples:\n  bytehound store gc\n  bytehound store gc --json")]
    Gc(StoreOutput),
    /// Builds indexes again, from the captures; a server answers from the old ones meanwhile
    #[command(after_help = "Examples:\n  bytehound store reindex --all\n  bytehound store reindex \
                            p_6tzgm3ysakxp7wkbxkbazmvkjuqxzhdx")]
    Reindex(ReindexArguments),
}

#[derive(Debug, Args)]
pub(crate) struct StoreOutput {
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
    #[command(flatten)]
    pub(crate) credentials: Credentials,
    /// Prints JSON, an object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// Ids of profiles [default: all]
    #[arg(value_name = "PROFILE")]
    pub(crate) profiles: Vec<ProfileId>,
    #[command(flatten)]
    pub(crate) output: StoreOutput,
}

#[derive(Debug, Args)]
pub(crate) struct ReindexArguments {
    /// Ids of profiles
    #[arg(value_name = "PROFILE", conflicts_with = "all")]
    pub(crate) profiles: Vec<ProfileId>,
    /// All of them
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) output: StoreOutput,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Makes a token, and prints it: once
    Create {
        /// Who, or what, it is for
        #[arg(long, default_value = "")]
        name: String,
        /// What it allows: read, write (uploads, labels), script, admin (everything)
        #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', default_value = "read")]
        scopes: Vec<Scope>,
        #[command(flatten)]
        data_dir: DataDir,
    },
    /// Lists the tokens: id, what it allows, name
    List {
        /// Prints them as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data_dir: DataDir,
    },
    /// Takes tokens back
    Revoke {
        /// Their ids, as `list` has them
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        #[command(flatten)]
        data_dir: DataDir,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RepackArguments {
    /// Captures to convert
    #[arg(required = true, value_name = "IN")]
    pub(crate) files: Vec<PathBuf>,
    /// The file to write; or a folder, where each capture keeps its name
    #[arg(short, long, value_name = "OUT")]
    pub(crate) output: PathBuf,
    /// The version to write
    #[arg(long, value_enum, default_value_t = Format::V2)]
    pub(crate) format: Format,
}

/// A version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// What Bytehound 0.11 reads and writes
    #[value(name = "0.11")]
    V0_11,
    /// Smaller, and robust against damage
    #[value(name = "2")]
    V2,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Where the capture goes [default: memory-profiling_%e_%t_%p.dat]
    #[arg(short, long, value_name = "PATTERN")]
    pub(crate) output: Option<PathBuf>,
    /// A label to be written into the capture; may be repeated
    #[arg(short, long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) live: LiveArguments,
    /// The capture library [default: libbytehound.so beside this program]
    #[arg(long, value_name = "PATH", env = "BYTEHOUND_LIBRARY")]
    pub(crate) library: Option<PathBuf>,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
    pub(crate) program: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct UploadArguments {
    /// Captures to send
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The server
    #[arg(long, value_name = "URL", default_value = DEFAULT_SERVER)]
    pub(crate) server: String,
    #[command(flatten)]
    pub(crate) credentials: Credentials,
    /// A label of the profiles; may be repeated
    #[arg(short, long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    /// Waits until each is indexed
    #[arg(long)]
    pub(crate) wait: bool,
    /// Prints the answers of the server as JSON, one a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ScriptArguments {
    /// The script, and then what `argv()` gives it; `-` reads the script from the standard input
    #[arg(value_name = "SCRIPT [ARGUMENT]")]
    pub(crate) words: Vec<String>,
    /// A script given here, whose value is printed
    #[arg(short, long, value_name = "SCRIPT")]
    pub(crate) expression: Option<String>,
    /// A capture, or the id of a profile; may be repeated. The first is what `allocations()` and `data()` mean
    #[arg(short, long, value_name = "FILE")]
    pub(crate) data: Vec<PathBuf>,
    /// Prints one JSON object: how the script ended, what it printed, and the files that it wrote
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArguments {
    /// The run to compare with
    #[arg(value_name = "BASE", required_unless_present = "bases")]
    pub(crate) base: Option<PathBuf>,
    /// The run to be judged
    #[arg(value_name = "NEW", required_unless_present = "news")]
    pub(crate) new: Option<PathBuf>,
    /// A run of the base side; may be repeated
    #[arg(long = "base", value_name = "FILE", conflicts_with_all = ["base", "new"], requires = "news")]
    pub(crate) bases: Vec<PathBuf>,
    /// A run of the new side; may be repeated
    #[arg(long = "new", value_name = "FILE", requires = "bases")]
    pub(crate) news: Vec<PathBuf>,
    /// What to sort by: leaked_bytes, leaked_count, allocated_bytes, allocated_count or peak_bytes
    #[arg(long, value_name = "METRIC", default_value = "leaked_bytes")]
    pub(crate) by: String,
    /// How many of the changed stacks to show [default: 10, with --json all]
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
    /// Prints the comparison as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data_dir: DataDir,
}

#[derive(Debug, Args)]
pub(crate) struct GatherArguments {
    /// Where the program listens [default: every program that announces itself; port: 8100]
    #[arg(value_name = "HOST:PORT")]
    pub(crate) target: Option<String>,
    /// Folder for the captures
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub(crate) output_dir: PathBuf,
    #[command(flatten)]
    pub(crate) live: LiveArguments,
}

/// Where captures go while they are written, beside their files.
#[derive(Debug, Args)]
pub(crate) struct LiveArguments {
    /// A server to send captures to, too, while they are written
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    #[command(flatten)]
    pub(crate) credentials: Credentials,
}

#[derive(Debug, Args)]
pub(crate) struct DataDir {
    /// Where indexes are kept [default: bytehound in $XDG_DATA_HOME, else in ~/.local/share]
    #[arg(long = "data-dir", value_name = "DIR", env = "BYTEHOUND_DATA_DIR")]
    pub(crate) path: Option<PathBuf>,
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !text.contains('\n') => {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err("expected `KEY=VALUE`, on one line".to_owned()),
    }
}

/// A number of bytes, or of K, M, G or T (powers of 1024).
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.find(|letter: char| !letter.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let shift = ["", "K", "M", "G", "T"].iter().position(|known| unit.eq_ignore_ascii_case(known));
    let number = digits.parse::<u64>().ok();
    let bytes = number.zip(shift).and_then(|(number, shift)| number.checked_mul(1 << (10 * shift)));
    bytes.ok_or_else(|| "expected a number of bytes, as 1000000, 500M or 20G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_follows_the_program_belongs_to_the_program() {
        let typed = ["bytehound", "run", "--label", "a=b=c", "--", "program", "--label", "x"];
        let Command::Run(run) = Arguments::try_parse_from(typed).unwrap().command else {
            panic!("not `run`")
        };
        assert_eq!(run.labels, [("a".to_owned(), "b=c".to_owned())]);
        assert_eq!(run.program, ["program", "--label", "x"]);
    }

    #[test]
    fn bytes_have_units() {
        for (text, expected) in [("0", 0), ("17", 17), ("3k", 3 << 10), ("500M", 500 << 20), ("2G", 2 << 30)]
        {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "G", "1.5G", "-1", "1 G", "17X", "99999999999T"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_comparison_takes_two_runs_or_two_sets() {
        let parse = |typed: &[&str]| Arguments::try_parse_from([&["bytehound", "compare"], typed].concat());
        assert!(parse(&["a", "b"]).is_ok());
        assert!(parse(&["--base", "a", "--base", "b", "--new", "c", "--new", "d"]).is_ok());
        assert!(parse(&["a"]).is_err());
        assert!(parse(&["--base", "a"]).is_err());
    }
}
