//! Rate limits on the virtual clock.

use serde_json::json;

use super::*;

fn limited() -> World {
    World::with(7, |policies| policies.throttle = true)
}

#[test]
fn s17_one_call_too_many_in_a_burst() {
    let world = limited();
    let target = session("lobby", "L1");
    for _ in 0..30 {
        world.call(&get(&target, 'a')).bare(204);
    }
    world.advance(10_000);
    let refused = world.call(&get(&target, 'a')).is(429);
    let body = json!({"version":1,"currentRequests":31,"maxRequests":30,"periodInSeconds":15,"limitType":"Rate"});
    assert_eq!((refused.json(), refused.header("retry-after")), (body, "5"));
    assert_eq!(refused.header("cache-control"), "no-cache, no-store");
    world.call(&get(&target, 'b')).bare(204);
    assert_eq!(world.call(&get(&target, 'a')).is(429).at("/currentRequests"), 32);
    world.advance(4_999);
    assert_eq!(world.call(&get(&target, 'a')).is(429).header("retry-after"), "1");
    world.advance(1);
    world.call(&get(&target, 'a')).bare(204);
}

#[test]
fn s17_refused_calls_count_over_the_long_window() {
    let world = limited();
    let target = session("lobby", "L1");
    for _ in 0..10 {
        for _ in 0..30 {
            world.call(&get(&target, 'a')).bare(204);
        }
        world.advance(15_000);
    }
    let refused = world.call(&get(&target, 'a')).is(429);
    assert_eq!((refused.at("/currentRequests"), refused.at("/periodInSeconds")), (json!(301), json!(300)));
    assert_eq!(refused.header("retry-after"), "150");
    world.advance(150_000);
    world.call(&get(&target, 'a')).bare(204);
}

#[test]
fn searches_have_a_limit_of_their_own() {
    let world = limited();
    let search = Ask::new("POST", "/handles/query", 'a').body(r#"{"type":"search"}"#);
    let make = post('a', r#"{"type":"search","sessionRef":{}}"#);
    for ask in [&search, &make] {
        assert_ne!(world.call(ask).status(), 429);
    }
    assert_eq!(world.call(&make).is(429).at("/maxRequests"), 1);
    for _ in 0..29 {
        world.call(&get(&session("lobby", "L1"), 'a')).bare(204);
    }
}

#[test]
fn a_nonce_is_nothing_mpsd_counts() {
    let world = limited();
    for _ in 0..31 {
        assert_eq!(world.reply(&get("/nonce", 'a'), Service::Rta).response.status, 200);
    }
    world.call(&get(&session("lobby", "L1"), 'a')).bare(204);
}

#[test]
fn nothing_is_limited_unless_asked_for() {
    let world = World::new();
    for _ in 0..400 {
        world.call(&get(&session("lobby", "L1"), 'a')).bare(204);
    }
}
