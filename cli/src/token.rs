//! `bytehound token`: makes, lists and revokes the tokens that a server asks for.

use crate::arguments::{DataDir, TokenCommand};
use anyhow::Result;
use bytehound_store::{Scope, Token, Tokens};
use std::collections::BTreeSet;
use std::io::Write;

/// Does what is asked with the tokens of a data directory, whether a server holds it or not.
pub(crate) fn token(command: &TokenCommand) -> Result<u8> {
    match command {
        TokenCommand::Create { name, scopes, data_dir } => create(&open(data_dir)?, name, scopes)?,
        TokenCommand::List { json, data_dir } => list(&open(data_dir)?.list()?, *json)?,
        TokenCommand::Revoke { ids, data_dir } => {
            let tokens = open(data_dir)?;
            for id in ids {
                tokens.revoke(id)?;
            }
        }
    }
    Ok(0)
}

fn open(data_dir: &DataDir) -> Result<Tokens> {
    Ok(Tokens::of(&data_dir.resolve()?)?)
}

/// Standard output has the secret alone, for `$(bytehound token create)`.
fn create(tokens: &Tokens, name: &str, scopes: &[Scope]) -> Result<()> {
    let (secret, token) = tokens.create(name, scopes.iter().copied().collect())?;
    writeln!(std::io::stdout(), "{secret}")?;
    eprintln!("token `{}` allows {}; it is not shown again", token.id, names(&token.scopes));
    Ok(())
}

fn list(tokens: &[Token], json: bool) -> Result<()> {
    let mut output = std::io::stdout().lock();
    if json {
        writeln!(output, "{}", serde_json::to_string(tokens)?)?;
        return Ok(());
    }
    for token in tokens {
        // Names are free text: what would steer the terminal is shown as a code.
        writeln!(output, "{}  {:24}  {}", token.id, names(&token.scopes), token.name.escape_debug())?;
    }
    Ok(())
}

fn names(scopes: &BTreeSet<Scope>) -> String {
    scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(",")
}
