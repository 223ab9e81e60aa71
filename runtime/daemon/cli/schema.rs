//! `anthill schema`: the JSON Schemas of the files that people write, for editors and for programs that write them.

use anthill_contracts::plan::Plan;
use anthill_contracts::spec::JobSpec;

use crate::cli::SchemaFile;
use crate::config::Config;
use crate::console::{Console, Failure};

/// Prints one schema.
pub(super) fn schema(file: SchemaFile, console: &mut Console) -> Result<u8, Failure> {
    let schema = match file {
        SchemaFile::Job => schemars::schema_for!(JobSpec),
        SchemaFile::Plan => schemars::schema_for!(Plan),
        SchemaFile::Config => schemars::schema_for!(Config),
    };
    console.document(&schema)?;
    Ok(0)
}
