//! `bytehound store`: looks after a data directory, itself or through the server that has it open.

mod directory;
mod keeper;
mod server;

use crate::arguments::{StoreArguments, StoreCommand, StoreOutput};
use anyhow::{Result, ensure};
use bytehound_store::{ProfileId, Stat, Store, StoreError, Tally};
use directory::Directory;
use indicatif::HumanBytes;
use keeper::Keeper;
use serde_json::json;
use server::Server;
use std::io::Write;

/// Exit code when something is damaged.
const DAMAGED: u8 = 1;

/// Does what is asked; 1 when that found damage.
pub(crate) fn store(arguments: &StoreArguments) -> Result<u8> {
    match &arguments.command {
        StoreCommand::Stat(which) => stat(&*keeper(which)?, which.json),
        StoreCommand::Gc(which) => gc(&*keeper(which)?, which.json),
        StoreCommand::Verify(which) => {
            let keeper = keeper(&which.output)?;
            verify(&*keeper, &chosen(&*keeper, &which.profiles)?, which.output.json)
        }
        StoreCommand::Reindex(which) => {
            ensure!(which.all || !which.profiles.is_empty(), "name profiles, or say `--all`");
            let keeper = keeper(&which.output)?;
            reindex(&*keeper, &chosen(&*keeper, &which.profiles)?, which.output.json)
        }
    }
}

/// The directory itself, or the server that has it open.
fn keeper(which: &StoreOutput) -> Result<Box<dyn Keeper>> {
    match Store::open(&which.data_dir.resolve()?) {
        Ok(store) => Ok(Box::new(Directory::new(store))),
        Err(StoreError::Locked { dir, server: Some(url) }) => {
            eprintln!("note: `{}` is held by the server at {url}, which is asked instead", dir.display());
            Ok(Box::new(Server::new(&url, &which.credentials)))
        }
        Err(error) => Err(error.into()),
    }
}

/// The profiles that were named, or all.
fn chosen(keeper: &dyn Keeper, named: &[ProfileId]) -> Result<Vec<ProfileId>> {
    if named.is_empty() { keeper.profiles() } else { Ok(named.to_vec()) }
}

fn stat(keeper: &dyn Keeper, as_json: bool) -> Result<u8> {
    let stat = keeper.stat()?;
    let mut output = std::io::stdout().lock();
    if as_json {
        writeln!(output, "{}", serde_json::to_string(&stat)?)?;
        return Ok(0);
    }
    for (name, value) in lines(&stat) {
        writeln!(output, "{name:<12} {value}")?;
    }
    Ok(0)
}

fn lines(stat: &Stat) -> Vec<(&'static str, String)> {
    let tally = |tally: Tally| format!("{} in {}", HumanBytes(tally.bytes), tally.count);
    let Stat { stored, indexing, ready, failed, damaged, .. } = stat;
    vec![
        (
            "profiles",
            format!(
                "{} ({ready} ready, {indexing} being indexed, {stored} waiting, {failed} failed; {damaged} damaged)",
                stat.profiles.count
            ),
        ),
        ("captures", tally(stat.captures)),
        ("segments", tally(stat.segments)),
        ("summaries", tally(stat.summaries)),
        ("symcaches", tally(stat.symcaches)),
        ("catalogue", HumanBytes(stat.catalog_bytes).to_string()),
        ("scratch", HumanBytes(stat.scratch_bytes).to_string()),
        ("superseded", tally(stat.superseded)),
        ("unreferred", format!("{} symcaches", tally(stat.unreferred))),
        ("total", HumanBytes(stat.total_bytes).to_string()),
    ]
}

fn gc(keeper: &dyn Keeper, as_json: bool) -> Result<u8> {
    let freed = keeper.gc()?;
    if as_json {
        println!("{}", serde_json::to_string(&freed)?);
    } else {
        println!("removed {} files, {}", freed.files, HumanBytes(freed.bytes));
    }
    Ok(0)
}

fn verify(keeper: &dyn Keeper, profiles: &[ProfileId], as_json: bool) -> Result<u8> {
    let mut damaged = 0;
    for id in profiles {
        let verified = keeper.verify(id)?;
        damaged += usize::from(!verified.is_whole());
        if as_json {
            println!("{}", serde_json::to_string(&verified)?);
            continue;
        }
        let problems: Vec<_> = [&verified.capture, &verified.index].into_iter().flatten().collect();
        if problems.is_empty() {
            println!("{id} whole");
        }
        problems.iter().for_each(|problem| println!("{id} damaged: {problem}"));
    }
    if !as_json {
        eprintln!("{} profiles, {damaged} damaged", profiles.len());
    }
    if damaged > 0 && !as_json {
        eprintln!("{}", keeper.advice());
    }
    Ok(if damaged == 0 { 0 } else { DAMAGED })
}

fn reindex(keeper: &dyn Keeper, profiles: &[ProfileId], as_json: bool) -> Result<u8> {
    let mut failed = 0;
    for id in profiles {
        let problem = keeper.reindex(id).err().map(|error| format!("{error:#}"));
        failed += usize::from(problem.is_some());
        match (as_json, problem) {
            (true, problem) => println!("{}", json!({ "profile": id, "problem": problem })),
            (false, None) => println!("{id} indexed"),
            (false, Some(problem)) => println!("{id} could not be indexed: {problem}"),
        }
    }
    Ok(if failed == 0 { 0 } else { DAMAGED })
}
