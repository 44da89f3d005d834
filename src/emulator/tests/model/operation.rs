//! What may happen to the emulator: operations made of small numbers, so that a failing run shrinks to a short one.

use proptest::prelude::*;

use crate::mpsd::version::Contract;

/// One step of a run.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// A write, or a delete of an element.
    Write(Write),
    /// A read of a session.
    Read { user: usize, place: Place, contract: Contract, condition: Condition },
    /// `POST /handles`.
    Make { user: usize, kind: HandleKind, session: usize, other: usize },
    /// A read of a handle itself.
    Show { user: usize, handle: usize },
    /// A delete of a handle.
    Drop { user: usize, handle: usize },
    /// A query: of activities, of search handles, of sessions; `whose` chooses what it looks for.
    Query { user: usize, which: usize, whose: usize },
    /// A user opens a socket.
    Connect(usize),
    /// A user's socket ends, properly or not.
    Disconnect { user: usize, is_closed: bool },
    /// A request that is none.
    Nonsense { user: usize, which: usize },
    /// Time passes.
    Wait(usize),
}

/// A write and everything about it.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) user: usize,
    pub(super) place: Place,
    pub(super) contract: Contract,
    pub(super) condition: Condition,
    pub(super) is_committed: bool,
    pub(super) parts: Vec<Part>,
    /// Whether somebody looks just before. Looking applies timers, so that both ways must be taken.
    pub(super) is_watched: bool,
    /// Whether it is sent once more.
    pub(super) is_repeated: bool,
}

/// What a path addresses, by index into the sessions or handles there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Session(usize),
    Properties(usize),
    Me(usize),
    /// `DELETE …/members/me`.
    MeGone(usize),
    /// `DELETE …/members/{index}`.
    MemberGone(usize, u32),
    /// A session by a handle.
    Handle(usize),
}

/// The precondition headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    None,
    /// `If-Match: *`.
    Exists,
    /// `If-None-Match: *`.
    Absent,
    /// `If-Match` with the current tag; on a read `If-None-Match`.
    Current,
    /// The same with an older or made-up tag.
    Stale,
    /// `If-None-Match` with the current tag, on a write.
    Differs,
    /// Both headers.
    Both,
}

/// A piece of a request body.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Join(Standing),
    Initialize,
    /// To everything, or to the member list alone.
    Subscribe {
        is_all: bool,
    },
    Leave,
    Custom {
        key: usize,
        value: usize,
    },
    MemberCustom {
        key: usize,
        value: usize,
    },
    Restrict {
        read: bool,
        word: usize,
    },
    Close(bool),
    Lock(bool),
    Turn(u32),
    Owner(u32),
    /// The device token of a member, by index.
    Host(u32),
    Address,
    Group,
    Keyword(usize),
    Role(usize),
    RoleMax(u32),
    Reserve(usize),
    Kick(u32),
    Constant(usize),
    /// In place of everything else.
    Malformed(usize),
}

/// What a member says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Active,
    Ready,
    Neither,
    Unsaid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandleKind {
    Activity,
    Invite,
    Transfer,
    Search,
}

/// Any operation, those that get somewhere most of the time.
pub(super) fn operation() -> impl Strategy<Value = Operation> {
    let read = (0..USERS, place(), contract(), condition());
    let query = (0..USERS, 0..5_usize, 0..USERS);
    prop_oneof![
        36 => write().prop_map(Operation::Write),
        8 => read.prop_map(|(user, place, contract, condition)| Operation::Read { user, place, contract, condition }),
        6 => (0..USERS, handle_kind(), session(), session()).prop_map(|(user, kind, session, other)| {
            Operation::Make { user, kind, session, other }
        }),
        1 => (0..USERS, 0..HANDLES).prop_map(|(user, handle)| Operation::Show { user, handle }),
        1 => (0..USERS, 0..HANDLES).prop_map(|(user, handle)| Operation::Drop { user, handle }),
        1 => query.prop_map(|(user, which, whose)| Operation::Query { user, which, whose }),
        2 => (0..USERS).prop_map(Operation::Connect),
        1 => (0..USERS, any::<bool>()).prop_map(|(user, is_closed)| Operation::Disconnect { user, is_closed }),
        1 => (0..USERS, 0..9_usize).prop_map(|(user, which)| Operation::Nonsense { user, which }),
        1 => prop_oneof![16 => 0..6_usize, 1 => Just(6)].prop_map(Operation::Wait),
    ]
}

fn write() -> impl Strategy<Value = Write> {
    let flags = (prop::bool::weighted(0.9), prop::bool::weighted(0.8), prop::bool::weighted(0.3));
    (0..USERS, place(), contract(), condition(), parts(), flags).prop_map(
        |(user, place, contract, condition, parts, (is_committed, is_watched, is_repeated))| Write {
            user,
            place,
            contract,
            condition,
            is_committed,
            parts,
            is_watched,
            is_repeated,
        },
    )
}

/// Mostly a player who is there, and what else it writes.
fn parts() -> impl Strategy<Value = Vec<Part>> {
    let any = || prop::collection::vec(part(), 0..3);
    let here = prop_oneof![
        5 => Just(Part::Join(Standing::Active)),
        4 => prop::bool::weighted(0.7).prop_map(|is_all| Part::Subscribe { is_all }),
    ];
    prop_oneof![
        1 => any(),
        3 => (here, any()).prop_map(|(here, others)| [vec![Part::Join(Standing::Unsaid), here], others].concat()),
    ]
}

/// Any session, a few of them more often.
fn session() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0), 3 => Just(2), 1 => Just(4), 1 => Just(7), 4 => 0..SESSIONS]
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        14 => session().prop_map(Place::Session),
        2 => session().prop_map(Place::Properties),
        2 => session().prop_map(Place::Me),
        1 => session().prop_map(Place::MeGone),
        1 => (session(), 0..9_u32).prop_map(|(session, index)| Place::MemberGone(session, index)),
        3 => (0..HANDLES).prop_map(Place::Handle),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        16 => Just(Condition::None),
        4 => Just(Condition::Exists),
        1 => Just(Condition::Absent),
        5 => Just(Condition::Current),
        2 => Just(Condition::Stale),
        1 => Just(Condition::Differs),
        1 => Just(Condition::Both),
    ]
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        4 => standing().prop_map(Part::Join),
        2 => prop::bool::weighted(0.7).prop_map(|is_all| Part::Subscribe { is_all }),
        1 => Just(Part::Initialize),
        1 => Just(Part::Leave),
        8 => (0..4_usize, 0..5_usize).prop_map(|(key, value)| Part::Custom { key, value }),
        6 => (0..4_usize, 0..5_usize).prop_map(|(key, value)| Part::MemberCustom { key, value }),
        1 => (any::<bool>(), 1..3_usize).prop_map(|(read, word)| Part::Restrict { read, word }),
        1 => prop::bool::weighted(0.3).prop_map(Part::Close),
        1 => prop::bool::weighted(0.3).prop_map(Part::Lock),
        1 => (0..9_u32).prop_map(Part::Turn),
        1 => (0..9_u32).prop_map(Part::Owner),
        1 => (0..9_u32).prop_map(Part::Host),
        2 => Just(Part::Address),
        1 => Just(Part::Group),
        1 => (0..3_usize).prop_map(Part::Keyword),
        1 => (0..3_usize).prop_map(Part::Role),
        1 => (1..4_u32).prop_map(Part::RoleMax),
        3 => (0..USERS).prop_map(Part::Reserve),
        1 => (0..9_u32).prop_map(Part::Kick),
        1 => (0..6_usize).prop_map(Part::Constant),
        1 => (0..12_usize).prop_map(Part::Malformed),
    ]
}

fn standing() -> impl Strategy<Value = Standing> {
    prop_oneof![
        5 => Just(Standing::Active),
        1 => Just(Standing::Ready),
        1 => Just(Standing::Neither),
        2 => Just(Standing::Unsaid),
    ]
}

fn contract() -> impl Strategy<Value = Contract> {
    prop_oneof![4 => Just(Contract::V107), 1 => Just(Contract::V105)]
}

fn handle_kind() -> impl Strategy<Value = HandleKind> {
    prop_oneof![
        3 => Just(HandleKind::Activity),
        2 => Just(HandleKind::Invite),
        2 => Just(HandleKind::Transfer),
        2 => Just(HandleKind::Search),
    ]
}

pub(super) const USERS: usize = 8;

/// How many sessions a path may address; see `request`.
pub(super) const SESSIONS: usize = 11;

/// How many of the newest handles an operation chooses from.
pub(super) const HANDLES: usize = 6;
