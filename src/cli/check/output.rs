//! What `check` says: the report's form, and what makes it a failure.

use crate::cli::{Code, Failure, colour, print};
use crate::contract::Severity;
use crate::report::{Format, Located, Report};

/// How to report.
#[derive(Debug, clap::Args)]
pub(super) struct Output {
    /// How to report
    #[arg(long, default_value = "text")]
    format: FormatArg,
    /// The least severity that makes the exit code 1
    #[arg(long, default_value = "error", value_name = "SEVERITY")]
    fail_on: SeverityArg,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FormatArg {
    /// Lines for people
    Text,
    /// One array of findings
    Json,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum SeverityArg {
    Error,
    Warning,
    Info,
}

impl From<SeverityArg> for Severity {
    fn from(severity: SeverityArg) -> Self {
        match severity {
            SeverityArg::Error => Self::Error,
            SeverityArg::Warning => Self::Warning,
            SeverityArg::Info => Self::Info,
        }
    }
}

impl Output {
    /// Prints the report and says how it went.
    pub(super) fn emit(&self, report: &Report) -> Result<Code, Failure> {
        let format = match self.format {
            FormatArg::Text => Format::Text,
            FormatArg::Json => Format::Json,
        };
        print(&report.render(format, colour()))?;
        let floor = Severity::from(self.fail_on);
        let fails = |located: &Located| located.finding.severity <= floor;
        Ok(if report.findings.iter().any(fails) { Code::Findings } else { Code::Clean })
    }
}
