//! A log line as people read it: the time of day, the weight, what happened; a finding in words of its own.

use std::fmt;

use jiff::tz::TimeZone;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::Clock;
use crate::report::plain;

/// How lines are written.
#[derive(Debug)]
pub(super) struct Lines {
    /// What tells the time.
    pub(super) clock: Clock,
    /// Where it is that time.
    pub(super) zone: TimeZone,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let time = self.clock.now().to_zoned(self.zone.clone()).strftime("%H:%M:%S");
        let level = weight(*event.metadata().level());
        match out.has_ansi_escapes() {
            true => write!(out, "\u{1b}[2m{time}\u{1b}[0m \u{1b}[{}m{level}\u{1b}[0m ", colour(level))?,
            false => write!(out, "{time} {level} ")?,
        }
        match event.metadata().target() {
            FINDING => fields.write_finding(&mut out)?,
            _ => fields.write(&mut out)?,
        }
        out.write_char('\n')
    }
}

fn weight(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn colour(level: &str) -> u8 {
    match level {
        "error" => 31,
        "warning" => 33,
        "info" => 36,
        _ => 2,
    }
}

/// What an event tells, in its own order.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    /// The message, and then whatever is told beside it.
    fn write(&self, out: &mut Writer<'_>) -> fmt::Result {
        out.write_str(&self.message)?;
        self.others.iter().try_for_each(|(name, value)| write!(out, " {name}={value}"))
    }

    /// Who broke which rule by what, what the documents say, and where to read on.
    fn write_finding(&self, out: &mut Writer<'_>) -> fmt::Result {
        let (rule, lane) = (self.of("rule"), self.of("lane"));
        write!(out, "{rule} {lane} {} {}", self.of("method"), self.of("subject"))?;
        match self.of("count") {
            "" | "1" => {}
            count => write!(out, " ×{count}")?,
        }
        out.write_str(": ")?;
        if !self.of("pointer").is_empty() {
            write!(out, "{}: ", self.of("place"))?;
        }
        write!(out, "{}; documents require: {}", self.message, self.of("requires"))?;
        if !self.of("schema").is_empty() {
            write!(out, " · says {}", self.of("schema"))?;
        }
        if !self.of("rejected").is_empty() {
            write!(out, " · rejected with {}", self.of("rejected"))?;
        }
        write!(out, " · tapdeck rules {rule}")
    }

    fn of(&self, name: &str) -> &str {
        self.others.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = plain(&format!("{value:?}"));
        match field.name() {
            "message" => self.message = value,
            // What a library of the `log` kind tells of its own source.
            name if name.starts_with("log.") => {}
            name => self.others.push((name, value)),
        }
    }
}

const FINDING: &str = "tapdeck::finding";

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written, a quarter past noon in a zone an hour east of Greenwich.
    fn written(is_coloured: bool, tell: impl FnOnce()) -> String {
        let page = Page::default();
        let (clock, out) = (Clock::manual("2026-05-01T11:15:07Z".parse().unwrap()), page.clone());
        let lines = Lines { clock, zone: TimeZone::fixed(jiff::tz::offset(1)) };
        let layer = tracing_subscriber::fmt::layer().with_ansi(is_coloured).event_format(lines);
        let layer = layer.with_writer(move || out.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), tell);
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    fn finding(count: usize, rejected: Option<u16>, pointer: Option<&str>) {
        let (place, schema) =
            (pointer.map_or_else(|| "header x".into(), |pointer| format!("body {pointer}")), None::<&str>);
        tracing::error!(
            target: FINDING, rule = "contract-version-missing", severity = "error", side = "client", place, pointer,
            lane = "guest", op = "session.put", method = "PUT", subject = "session{lobby}", path = "/serviceconfigs/…",
            requires = "Every request carries it", fix = "Send it", citation = "a page", schema, rejected, count,
            "no X-Xbl-Contract-Version"
        );
    }

    #[test]
    fn a_finding_says_who_broke_what_and_where_to_read_on() {
        let line = "12:15:07 error contract-version-missing guest PUT session{lobby}: no X-Xbl-Contract-Version; \
                    documents require: Every request carries it · tapdeck rules contract-version-missing\n";
        assert_eq!(written(false, || finding(1, None, None)), line);
        let tenth = written(false, || finding(10, Some(400), Some("/a")));
        assert!(tenth.contains("session{lobby} ×10: body /a: no X-Xbl"), "{tenth}");
        assert!(tenth.contains("carries it · rejected with 400 · tapdeck rules"), "{tenth}");
        let painted = written(true, || finding(1, None, None));
        assert!(painted.starts_with("\u{1b}[2m12:15:07\u{1b}[0m \u{1b}[31merror\u{1b}[0m contract-"), "{painted}");
    }

    #[test]
    fn other_lines_are_the_message_and_what_belongs_to_it() {
        let told = written(false, || tracing::warn!(connection = 3, host = "a b", "nobody answers"));
        assert_eq!(told, "12:15:07 warning nobody answers connection=3 host=a b\n");
    }

    #[test]
    fn nothing_a_client_sends_can_leave_its_line_or_steer_the_terminal() {
        let told = written(false, || tracing::info!(host = "a\u{1b}[2J\nb", "x\r\ny"));
        assert_eq!(told, "12:15:07 info x\\r\\ny host=a\\u{1b}[2J\\nb\n");
    }
}
