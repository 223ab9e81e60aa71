//! The life of one signal: where it was born, where it was shown, whom it helped.

use anthill_signals::base::{ExposureRow, Interval, Life};
use anthill_signals::route::Tokens;

use super::{says, signed};
use crate::console::{Console, Failure};
use crate::words;

/// Prints a life.
pub(super) fn show(life: &Life, console: &mut Console) -> Result<u8, Failure> {
    if console.is_json() {
        console.document(life)?;
        return Ok(0);
    }
    let row = &life.row;
    console.line(format!("{} {}", row.signal, row.state.as_str()))?;
    console.line(format!("  says      {}", says(row.polarity, &row.body)))?;
    console.line(format!("  scope     {}", row.scope))?;
    let born = match life.born_in {
        Some(job_id) => format!("in {job_id}, {}", words::moment(life.created)),
        None => "with the program or by a person".to_owned(),
    };
    console.line(format!("  born      {born}, of {}", row.source))?;
    console.line(format!(
        "  author    tenant {:08x}, node {:016x}; shared: {:?}",
        life.author.tenant, life.author.node, row.share
    ))?;
    for reason in &life.reasons {
        console.line(format!("  state     {reason}"))?;
    }
    console.line(format!("  gain      {}", with_interval(&row.gain)))?;
    if let Some(tokens) = &life.tokens {
        let Tokens { input, output, runs } = tokens;
        console.line(format!(
            "  spends    {input:.0} tokens in and {output:.0} out per run, by {runs:.1} runs"
        ))?;
    }
    for (word, relatives) in [("made of", &life.parents), ("led to", &life.children)] {
        for relative in relatives {
            let body = relative.body.as_ref().map(|body| says(row.polarity, body));
            let body = words::shortened(&body.unwrap_or_default(), 80);
            console.line(format!("  {word:9} {} {body}", relative.signal))?;
        }
    }
    for alias in &life.aliases {
        console.line(format!("  same as   {alias}"))?;
    }
    console.line("")?;
    let mut table = words::table([
        "SHOWN IN",
        "TIMES",
        "RUNS",
        "OUTCOME",
        "GAIN",
        "AGAINST WITHHELD",
        "AGAINST CONTROL",
        "NODES",
        "HARM",
    ]);
    for exposure in &life.exposures {
        table.add_row(cells(exposure));
    }
    console.line(words::rows(&table))?;
    Ok(0)
}

fn cells(row: &ExposureRow) -> [String; 9] {
    let against = |interval: &Option<Interval>, runs: f64| match interval {
        Some(interval) => format!("{} of {runs:.1} runs", with_interval(interval)),
        None => "no run".to_owned(),
    };
    [
        row.scope.clone(),
        words::count(row.exposures),
        format!("{:.1}", row.runs),
        format!("{:.3}", row.outcome),
        with_interval(&row.gain),
        against(&row.against_withheld, row.withheld),
        against(&row.against_control, row.control),
        row.origins.len().to_string(),
        row.harm.to_string(),
    ]
}

fn with_interval(interval: &Interval) -> String {
    format!(
        "{} ({} to {})",
        signed(interval.mean),
        signed(interval.low),
        signed(interval.high)
    )
}
