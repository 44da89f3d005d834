//! Logging: to standard error, as text or JSON lines, every line through the redactor.

mod lines;

use std::io::{self, Write};
use std::sync::Arc;

use jiff::tz::TimeZone;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::Failure;
use super::screen::foot;
use crate::clock::Clock;
use crate::redact::Redactor;
use lines::Lines;

/// How much is logged, and how.
#[derive(Debug, clap::Args)]
pub(super) struct LogOptions {
    /// How much to log: off, error, warn, info, debug or trace [default: info; off for the demo]
    #[arg(long, global = true, env = "TAPDECK_LOG", value_name = "LEVEL")]
    log_level: Option<LevelFilter>,
    /// How to log; what the deck says of itself stays plain lines
    #[arg(long, global = true, env = "TAPDECK_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

/// Starts logging, at `usual` unless told otherwise. Libraries are heard when something fails, and fully at trace.
pub(super) fn start(options: &LogOptions, usual: LevelFilter, redactor: Arc<Redactor>) -> Result<(), Failure> {
    let level = options.log_level.unwrap_or(usual);
    let others = if level == LevelFilter::TRACE { level } else { level.min(LevelFilter::ERROR) };
    let filter = Targets::new().with_default(others).with_target("tapdeck", level);
    let writer = Guarded { redactor };
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(foot::is_coloured());
    let layer = match options.log_format {
        LogFormat::Text => layer.event_format(Lines { clock: Clock::Wall, zone: TimeZone::system() }).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    let started = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    started.map_err(|error| Failure::runtime(format!("logging cannot start: {error}")))
}

/// Standard error behind the redactor: the one way out for log lines.
struct Guarded {
    redactor: Arc<Redactor>,
}

/// One line on its way out.
struct GuardedLine<'a> {
    redactor: &'a Redactor,
    line: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Guarded {
    type Writer = GuardedLine<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        GuardedLine { redactor: &self.redactor, line: Vec::new() }
    }
}

impl Write for GuardedLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for GuardedLine<'_> {
    fn drop(&mut self) {
        foot::log_line(&self.redactor.log_line(&String::from_utf8_lossy(&self.line)));
    }
}
