//! The status line: what is happening, in as many words as fit into a row.

use std::borrow::Cow;
use std::time::Duration;

use console::{measure_text_width, truncate_str};

use super::diagnosis::spoken;
use crate::engine::{Caller, LIMITS, Tallied};
use crate::report::plain;

/// What a line tells.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// How long the deck has run.
    pub(super) elapsed: Duration,
    /// Who called, the latest first.
    pub(super) callers: Vec<Caller>,
    /// How many called besides.
    pub(super) others: usize,
    /// What was seen and found.
    pub(super) tallied: Tallied,
    /// The hits and misses of a replay.
    pub(super) score: Option<(usize, usize)>,
    /// What happened last, and how long ago.
    pub(super) event: Option<(String, Duration)>,
    /// What is wrong, the gravest first.
    pub(super) troubles: Vec<String>,
    /// Whether somebody is asked for a note: which mark it is, and what is typed.
    pub(super) note: Option<(usize, String)>,
    /// Whether keys are heard.
    pub(super) has_keys: bool,
}

/// How much of it is told.
#[derive(Clone, Copy, Debug)]
struct Plan {
    callers: usize,
    has_sockets: bool,
    /// The room the event needs at least; without it, there is none of it.
    event: Option<usize>,
    has_keys: bool,
}

/// From everything to what cannot be left out.
const PLANS: [Plan; 6] = [
    Plan { callers: 5, has_sockets: true, event: Some(usize::MAX), has_keys: true },
    Plan { callers: 5, has_sockets: true, event: Some(usize::MAX), has_keys: false },
    Plan { callers: 3, has_sockets: true, event: Some(LEAST_EVENT), has_keys: false },
    Plan { callers: 3, has_sockets: true, event: None, has_keys: false },
    Plan { callers: 2, has_sockets: true, event: None, has_keys: false },
    LEAST,
];
const LEAST: Plan = Plan { callers: 1, has_sockets: false, event: None, has_keys: false };

/// A piece of the line, in a colour.
#[derive(Clone, Debug)]
struct Part(String, Option<u8>);

const RED: Option<u8> = Some(31);
const GREEN: Option<u8> = Some(32);
const YELLOW: Option<u8> = Some(33);

impl View {
    /// The line, narrower than so many columns.
    pub(super) fn line(&self, columns: usize, is_coloured: bool) -> String {
        let width = columns.saturating_sub(1);
        let parts = match (&self.note, self.troubles.is_empty()) {
            (Some((number, note)), _) => asked(*number, note, width),
            (None, false) => self.diagnosed(width),
            (None, true) => self.told(width),
        };
        painted(&parts, width, is_coloured)
    }

    /// Everything that fits.
    fn told(&self, width: usize) -> Vec<Part> {
        let event = self.event.as_ref().map(|(what, age)| (plain(what), format!(", {} ago", spoken(age.as_secs()))));
        let whole = event.as_ref().map_or(0, |(what, age)| measure_text_width(what) + age.len() + GAP);
        let needed = |plan: &Plan| plan.event.map_or(0, |least| whole.min(least));
        let fits = |plan: &&Plan| width_of(&self.parts(plan)) + needed(plan) <= width;
        let plan = PLANS.iter().find(fits).unwrap_or(&LEAST);
        let mut parts = self.parts(plan);
        if let (Some((what, age)), true) = (event, plan.event.is_some()) {
            let room = width.saturating_sub(width_of(&parts) + GAP + age.len());
            parts.insert(parts.len() - usize::from(self.tells_keys(plan)), Part(cut(&what, room) + &age, None));
        }
        parts
    }

    /// What is wrong; beside it what goes well, where there is room for both.
    fn diagnosed(&self, width: usize) -> Vec<Part> {
        let mut parts = vec![self.time()];
        if !self.callers.is_empty() && width >= WIDE {
            parts = self.parts(&LEAST);
        }
        let count = self.troubles.len();
        let turns = usize::try_from(self.elapsed.as_secs() / TURN).unwrap_or_default();
        let shown = turns.checked_rem(count).unwrap_or_default();
        let which = if count > 1 { format!("{} of {count}: ", shown + 1) } else { String::new() };
        parts.extend(self.troubles.get(shown).map(|trouble| Part(which + trouble, YELLOW)));
        parts
    }

    fn parts(&self, plan: &Plan) -> Vec<Part> {
        let mut parts = vec![self.time(), self.lanes(plan.callers)];
        parts.extend(self.score.filter(|score| *score != (0, 0)).map(|(hits, misses)| match misses {
            0 => Part(format!("{}, 0 misses", many(hits, "hit")), GREEN),
            1 => Part(format!("{}, 1 miss", many(hits, "hit")), RED),
            _ => Part(format!("{}, {misses} misses", many(hits, "hit")), RED),
        }));
        let Tallied { open, errors, warnings, infos, calls, .. } = self.tallied;
        if plan.has_sockets && open > 0 {
            parts.push(Part(many(open, "socket"), None));
        }
        match (errors, warnings) {
            (0, 0) if calls == 0 => {}
            (0, 0) if infos > 0 => parts.push(Part(many(infos, "note"), None)),
            (0, 0) if self.score.is_some() => {}
            (0, 0) => parts.push(Part("no violations".into(), GREEN)),
            (0, warnings) => parts.push(Part(many(warnings, "warning"), YELLOW)),
            (errors, 0) => parts.push(Part(many(errors, "error"), RED)),
            (errors, warnings) => {
                parts.push(Part(format!("{}, {}", many(errors, "error"), many(warnings, "warning")), RED));
            }
        }
        parts.extend(self.rate(plan));
        if self.tells_keys(plan) {
            parts.push(Part("? keys".into(), None));
        }
        parts
    }

    fn tells_keys(&self, plan: &Plan) -> bool {
        plan.has_keys && self.has_keys
    }

    fn time(&self) -> Part {
        Part(clock(self.elapsed), None)
    }

    /// Who called last, and how often they did; in an order that does not change with each call.
    fn lanes(&self, most: usize) -> Part {
        let named = self.callers.iter().take(most);
        let named = named.map(|caller| format!("{} {}", cut(&plain(&caller.lane), LONGEST_LANE), caller.calls));
        let mut named: Vec<String> = named.collect();
        named.sort();
        let more = self.callers.len().saturating_sub(most) + self.others;
        match (named.is_empty(), more) {
            (true, _) => named.push("nobody called yet".into()),
            (false, 0) => {}
            (false, more) => named.push(format!("+{more} more")),
        }
        Part(named.join(", "), None)
    }

    /// How near the busiest client is to a documented limit: the burst's, unless the other one is nearly reached.
    fn rate(&self, plan: &Plan) -> Option<Part> {
        let [burst, sustained] = LIMITS;
        let busiest = |at: usize| self.callers.iter().max_by_key(|caller| caller.rates[at]);
        let (limit, caller, calls) = match (busiest(0)?, busiest(1)?) {
            (_, caller) if is_near(caller.rates[1], sustained.calls) && !is_near(busiest(0)?.rates[0], burst.calls) => {
                (sustained, caller, caller.rates[1])
            }
            (caller, _) => (burst, caller, caller.rates[0]),
        };
        let colour = match calls {
            calls if calls > limit.calls => RED,
            calls if is_near(calls, limit.calls) => YELLOW,
            _ => None,
        };
        let who = if self.callers.len() > 1 && plan.callers > 1 && calls > 0 {
            format!("{} ", cut(&plain(&caller.lane), LONGEST_LANE))
        } else {
            String::new()
        };
        Some(Part(format!("{who}{calls}/{} per {} s", limit.calls, limit.seconds), colour))
    }
}

/// A time as a clock shows it.
pub(super) fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The text without what does not fit.
pub(super) fn cut(text: &str, width: usize) -> String {
    if width == 0 { String::new() } else { truncate_str(text, width, "…").into_owned() }
}

/// The question for a note; of a long one, its end.
fn asked(number: usize, note: &str, width: usize) -> Vec<Part> {
    let (question, how) = (format!("mark {number}: "), "Enter sets it, Esc does not");
    let room = width.saturating_sub(question.len() + 1);
    let mut shown = Cow::Borrowed(note);
    while measure_text_width(&shown) > room {
        shown = Cow::Owned(shown.chars().skip(1).collect());
    }
    let mut parts = vec![Part(format!("{question}{shown}_"), YELLOW), Part(how.into(), None)];
    if width_of(&parts) > width {
        parts.truncate(1);
    }
    parts
}

fn painted(parts: &[Part], width: usize, is_coloured: bool) -> String {
    let mut line = String::new();
    for (number, Part(text, colour)) in parts.iter().enumerate() {
        if number > 0 {
            line.push_str(" · ");
        }
        match colour.filter(|_| is_coloured) {
            Some(colour) => line.push_str(&format!("\u{1b}[{colour}m{text}\u{1b}[0m")),
            None => line.push_str(text),
        }
    }
    cut(&line, width)
}

fn width_of(parts: &[Part]) -> usize {
    parts.iter().map(part_width).sum::<usize>().saturating_sub(GAP)
}

fn part_width(part: &Part) -> usize {
    measure_text_width(&part.0) + GAP
}

/// True from four fifths of a limit on.
fn is_near(calls: u32, limit: u32) -> bool {
    calls >= limit - limit / 5
}

fn many(count: usize, name: &str) -> String {
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

/// What stands between two parts.
const GAP: usize = 3;
const LONGEST_LANE: usize = 16;
/// Less of an event than this says nothing.
const LEAST_EVENT: usize = 30;
/// Of several diagnoses, each is shown for so many seconds in its turn.
const TURN: u64 = 5;
/// Where a diagnosis leaves room for something else.
const WIDE: usize = 110;

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn caller(lane: &str, calls: u64, rates: [u32; 2]) -> Caller {
        Caller { lane: lane.into(), calls, last: Instant::now(), rates, sockets: 0 }
    }

    fn view() -> View {
        let event = Some(("guest PUT session{lobby/3f2a91c0} 201".to_owned(), Duration::from_secs(2)));
        View {
            elapsed: Duration::from_secs(751),
            callers: vec![caller("guest", 41, [12, 41]), caller("host", 37, [2, 37])],
            others: 0,
            tallied: Tallied { calls: 78, errors: 1, warnings: 3, open: 2, ..Tallied::default() },
            score: None,
            event,
            troubles: Vec::new(),
            note: None,
            has_keys: true,
        }
    }

    #[test]
    fn it_tells_who_calls_how_often_and_what_happened_last() {
        assert_eq!(
            view().line(200, false),
            "00:12:31 · guest 41, host 37 · 2 sockets · 1 error, 3 warnings · guest 12/30 per 15 s · guest PUT \
             session{lobby/3f2a91c0} 201, 2 s ago · ? keys"
        );
        assert_eq!(
            view().line(120, false),
            "00:12:31 · guest 41, host 37 · 2 sockets · 1 error, 3 warnings · guest 12/30 per 15 s · guest PUT \
             session{lob…, 2 s ago"
        );
        let quiet = View { callers: vec![], tallied: Tallied::default(), event: None, ..view() };
        assert_eq!(quiet.line(200, false), "00:12:31 · nobody called yet · ? keys");
        let clean = View { tallied: Tallied { calls: 78, ..Tallied::default() }, event: None, ..view() };
        assert_eq!(
            clean.line(200, false),
            "00:12:31 · guest 41, host 37 · no violations · guest 12/30 per 15 s · ? keys"
        );
    }

    #[test]
    fn it_is_narrower_than_the_terminal_however_narrow_that_is() {
        let troubled = View { troubles: vec!["10.0.0.31 connects but rejects our certificate".into()], ..view() };
        let asked = View { note: Some((3, "お".repeat(60))), ..view() };
        let wide = View { callers: vec![caller(&"選手".repeat(20), 1, [0, 0]); 9], others: 3, ..view() };
        for view in [view(), troubled, asked, wide] {
            for columns in 1..200 {
                let (plain, painted) = (view.line(columns, false), view.line(columns, true));
                assert!(measure_text_width(&plain) < columns, "{columns}: {plain}");
                assert!(measure_text_width(&painted) < columns, "{columns}: {painted}");
            }
        }
        assert_eq!(view().line(40, false), "00:12:31 · guest 41, +1 more · 1 error…");
        let busy = view().line(70, false);
        assert_eq!(busy, "00:12:31 · guest 41, +1 more · 1 error, 3 warnings · 12/30 per 15 s");
    }

    #[test]
    fn lanes_that_do_not_fit_are_counted() {
        let callers = (0..7).map(|lane| caller(&format!("lane-{lane}"), 1, [0, 0])).collect();
        let crowd = View { callers, others: 2, event: None, ..view() };
        let line = crowd.line(200, false);
        assert!(line.contains("lane-0 1, lane-1 1, lane-2 1, lane-3 1, lane-4 1, +4 more · "), "{line}");
    }

    #[test]
    fn the_rate_is_coloured_from_four_fifths_of_a_limit_on() {
        let rate = |rates| {
            let callers = vec![caller("guest", 1, rates)];
            View { callers, tallied: Tallied::default(), event: None, has_keys: false, ..view() }.line(200, true)
        };
        assert_eq!(rate([23, 23]), "00:12:31 · guest 1 · 23/30 per 15 s");
        assert_eq!(rate([24, 24]), "00:12:31 · guest 1 · \u{1b}[33m24/30 per 15 s\u{1b}[0m");
        assert_eq!(rate([31, 31]), "00:12:31 · guest 1 · \u{1b}[31m31/30 per 15 s\u{1b}[0m");
        assert_eq!(rate([3, 239]), "00:12:31 · guest 1 · 3/30 per 15 s");
        assert_eq!(rate([3, 240]), "00:12:31 · guest 1 · \u{1b}[33m240/300 per 300 s\u{1b}[0m");
        assert_eq!(rate([24, 301]), "00:12:31 · guest 1 · \u{1b}[33m24/30 per 15 s\u{1b}[0m");
    }

    #[test]
    fn it_turns_into_what_is_wrong() {
        let troubles = vec!["10.0.0.31 connects but rejects our certificate".to_owned(), "another".to_owned()];
        let troubled = View { troubles, elapsed: Duration::from_secs(750), ..view() };
        let next = View { elapsed: Duration::from_secs(755), ..troubled.clone() };
        assert_eq!(next.line(100, false), "00:12:35 · 2 of 2: another");
        assert_eq!(
            troubled.line(100, true),
            "00:12:30 · \u{1b}[33m1 of 2: 10.0.0.31 connects but rejects our certificate\u{1b}[0m"
        );
        let wide = troubled.line(200, false);
        assert!(wide.starts_with("00:12:30 · guest 41, +1 more · 1 error, 3 warnings · "), "{wide}");
        assert!(wide.ends_with(" · 1 of 2: 10.0.0.31 connects but rejects our certificate"), "{wide}");
    }

    #[test]
    fn a_replay_tells_hits_and_misses() {
        let tallied = Tallied { calls: 13, ..Tallied::default() };
        let replay = |score| View { score: Some(score), tallied, callers: vec![caller("a", 13, [1, 1])], ..view() };
        let told = |score| View { event: None, has_keys: false, ..replay(score) }.line(200, true);
        assert_eq!(told((12, 1)), "00:12:31 · a 13 · \u{1b}[31m12 hits, 1 miss\u{1b}[0m · 1/30 per 15 s");
        assert_eq!(told((1, 0)), "00:12:31 · a 13 · \u{1b}[32m1 hit, 0 misses\u{1b}[0m · 1/30 per 15 s");
        let cramped = replay((12, 1)).line(40, false);
        assert!(cramped.contains("12 hits, 1 miss"), "{cramped}");
    }

    #[test]
    fn a_note_is_asked_for() {
        let asked = View { note: Some((3, "boss fight".into())), ..view() };
        assert_eq!(asked.line(80, false), "mark 3: boss fight_ · Enter sets it, Esc does not");
        assert_eq!(asked.line(16, false), "mark 3:  fight_");
    }
}
