//! What `check` says: the report's form, where it goes, what is known already, and what makes it a failure.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cassette::{many, seal};
use crate::cli::destination::{Destination, unwritable};
use crate::cli::options::FailOnArg;
use crate::cli::{Code, Failure, say};
use crate::contract::Severity;
use crate::report::{Baseline, Format, Report};

/// How to report.
#[derive(Debug, clap::Args)]
pub(super) struct Output {
    /// How to report
    #[arg(long, default_value = "text")]
    format: FormatArg,
    /// Where to write the report, whole or not at all
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    output: PathBuf,
    /// The least severity that makes the exit code 1
    #[arg(long, default_value = "error", value_name = "SEVERITY")]
    fail_on: FailOnArg,
    /// The least severity that is shown
    #[arg(long, default_value = "info", value_name = "SEVERITY")]
    min_severity: SeverityArg,
    /// Findings that are known: they are marked, and fail nothing
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write what is found as a baseline; then nothing fails
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FormatArg {
    /// Lines for people
    Text,
    /// One array of findings; docs/reports.md describes the fields
    Json,
    /// SARIF 2.1.0, for code review
    Sarif,
    /// JUnit XML, for CI
    Junit,
    /// GitHub's workflow commands, which annotate a pull request
    Github,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum SeverityArg {
    Error,
    Warning,
    Info,
}

/// All that is settled before anything is judged, so that what cannot work fails at once.
#[derive(Debug)]
pub(super) struct Desk<'o> {
    options: &'o Output,
    destination: Destination,
    known: Option<(&'o Path, Baseline)>,
}

impl Output {
    /// Opens what is written and reads what is known.
    pub(super) fn open(&self, read: &[PathBuf]) -> Result<Desk<'_>, Failure> {
        let written = [Some(&self.output), self.write_baseline.as_ref()];
        written.into_iter().flatten().try_for_each(|path| spare(path, read))?;
        if self.write_baseline.as_ref() == Some(&self.output) {
            return Err(Failure::usage(format!("{} cannot be both report and baseline", self.output.display()))
                .hint("name two files"));
        }
        let (fail_on, shown) = (self.fail_on.severity(), self.min_severity.severity());
        if fail_on.is_some_and(|fail_on| fail_on > shown) {
            return Err(Failure::usage(format!("--min-severity {shown} would hide what fails"))
                .hint("what fails must be shown: leave out --min-severity, or raise --fail-on"));
        }
        let known = self.baseline.as_deref().map(|path| Ok((path, baseline(path)?))).transpose()?;
        Ok(Desk { options: self, destination: Destination::open(&self.output)?, known })
    }
}

impl Desk<'_> {
    /// Writes the report and says how it went.
    pub(super) fn emit(self, mut report: Report) -> Result<Code, Failure> {
        let Self { options, destination, known } = self;
        report.hide_below(options.min_severity.severity());
        if let Some((path, baseline)) = &known {
            let unfound = report.compare(baseline);
            if !unfound.is_empty() {
                say(&stale(path, &unfound));
            }
        }
        report.fail_on = options.fail_on.severity();
        if let Some(path) = &options.write_baseline {
            let baseline = Baseline::of(&report);
            seal::write_sealed(path, baseline.text().as_bytes()).map_err(|error| unwritable(path, &error))?;
            say(&format!("{}: {} known from now on", path.display(), many(baseline.count(), "finding")));
            report.fail_on = None;
        }
        let text = report.render(options.format.format(), destination.colour());
        let text = text.map_err(|error| Failure::runtime(format!("{error}: {}", crate::cli::failure::told(&error))))?;
        if let Some(name) = destination.write(text.as_bytes())? {
            say(&format!("{}: {}", name.display(), report.tally()));
        }
        Ok(if report.is_failure() { Code::Findings } else { Code::Clean })
    }
}

/// Refuses to write where a recording is: `--write-baseline *.cassette.json` names one by mistake.
fn spare(path: &Path, read: &[PathBuf]) -> Result<(), Failure> {
    let name = path.to_string_lossy();
    let is_recording = [".cassette.json", ".cassette.jsonl", ".har"].iter().any(|ending| name.ends_with(ending));
    let is_read =
        read.iter().any(|read| fs::canonicalize(read).is_ok_and(|read| Some(read) == fs::canonicalize(path).ok()));
    if path.exists() && (is_recording || is_read) {
        return Err(Failure::usage(format!("{name} is a recording: it is not overwritten"))
            .hint("name a file for what `check` writes, and the recordings after it"));
    }
    Ok(())
}

fn baseline(path: &Path) -> Result<Baseline, Failure> {
    let name = path.display();
    let unreadable = |error: std::io::Error| {
        Failure::input(format!("cannot read {name}: {error}"))
            .hint(format!("`--write-baseline {name}` makes a baseline of what is found"))
    };
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > LARGEST_BASELINE {
        return Err(Failure::input(format!("{name} is larger than {} MiB", LARGEST_BASELINE >> 20))
            .hint("a baseline is what --write-baseline writes"));
    }
    let text = fs::read(path).map_err(unreadable)?;
    Baseline::parse(&text).map_err(|error| {
        Failure::input(format!("{name}:{}: {error}", error.line)).hint("a baseline is what --write-baseline writes")
    })
}

/// A baseline's lines that nothing was found for.
fn stale(path: &Path, lines: &[usize]) -> String {
    let name = path.display();
    let told: Vec<String> = lines.iter().take(LINES_TOLD).map(usize::to_string).collect();
    let more = if lines.len() > LINES_TOLD { ", …" } else { "" };
    let (told, count) = (told.join(", "), many(lines.len(), "finding"));
    format!("note: {name}: {count} not found any more (line {told}{more}); `--write-baseline {name}` forgets them")
}

impl FormatArg {
    fn format(self) -> Format {
        match self {
            Self::Text => Format::Text,
            Self::Json => Format::Json,
            Self::Sarif => Format::Sarif,
            Self::Junit => Format::Junit,
            Self::Github => Format::Github,
        }
    }
}

impl SeverityArg {
    fn severity(self) -> Severity {
        match self {
            Self::Error => Severity::Error,
            Self::Warning => Severity::Warning,
            Self::Info => Severity::Info,
        }
    }
}

/// Larger baselines are refused before they are read.
const LARGEST_BASELINE: u64 = 16 << 20;

const LINES_TOLD: usize = 8;
