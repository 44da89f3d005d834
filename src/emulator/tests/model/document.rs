//! What holds in a session document by itself, and what a write that was taken shows in its answer.

use std::collections::BTreeMap;

use serde_json::Value;

/// A session document with its views.
#[derive(Clone, Debug)]
pub(super) struct Document {
    json: Value,
}

impl Document {
    /// Reads a document and checks what must hold in any.
    pub(super) fn checked(bytes: &[u8]) -> Self {
        let document = Self { json: serde_json::from_slice(bytes).unwrap() };
        document.check_frame();
        if document.is_large() {
            document.check_large();
        } else {
            document.check_members();
        }
        document
    }

    pub(super) fn branch(&self) -> &str {
        self.json["branch"].as_str().unwrap()
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_default()
    }

    pub(super) fn change(&self) -> u64 {
        self.json["changeNumber"].as_u64().unwrap()
    }

    pub(super) fn contract(&self) -> u64 {
        self.json["contractVersion"].as_u64().unwrap()
    }

    pub(super) fn info(&self, name: &str) -> u64 {
        self.json["membersInfo"][name].as_u64().unwrap_or_else(|| panic!("membersInfo.{name}: {}", self.json))
    }

    pub(super) fn is_large(&self) -> bool {
        self.json.pointer("/constants/system/capabilities/large") == Some(&Value::Bool(true))
    }

    pub(super) fn needs_connection(&self) -> bool {
        self.json.pointer("/constants/system/capabilities/connectionRequiredForActiveMembers")
            == Some(&Value::Bool(true))
    }

    /// The members shown, by index.
    pub(super) fn members(&self) -> BTreeMap<u64, &Value> {
        let members = self.json["members"].as_object().unwrap().values();
        members.map(|member| (member["constants"]["system"]["index"].as_u64().unwrap(), member)).collect()
    }

    /// The member a player is.
    pub(super) fn member(&self, xuid: &str) -> Option<&Value> {
        self.members().into_values().find(|member| xuid_of(member) == xuid)
    }

    pub(super) fn is_active(&self, xuid: &str) -> bool {
        self.member(xuid).is_some_and(|member| member.pointer("/properties/system/active") == Some(&Value::Bool(true)))
    }

    fn check_frame(&self) {
        for pointer in ["/constants/system", "/properties/system", "/members", "/servers"] {
            assert!(self.json.pointer(pointer).is_some_and(Value::is_object), "{pointer}: {}", self.json);
        }
        for pointer in ["/constants/custom", "/properties/custom"] {
            assert!(self.json.pointer(pointer).is_some(), "{pointer}: {}", self.json);
        }
        for name in ["branch", "startTime", "correlationId"] {
            assert!(self.json[name].is_string(), "{name}: {}", self.json);
        }
        let most = self.json.pointer("/constants/system/maxMembersCount").and_then(Value::as_u64).unwrap();
        let (count, accepted, active) = (self.info("count"), self.info("accepted"), self.info("active"));
        assert!(active <= accepted && accepted <= count && count <= most, "{}", self.json);
        assert!(count <= self.info("next") && self.change() >= 1, "{}", self.json);
    }

    /// Follows the list from `first` to `next`: it has every member, in order, once.
    fn check_members(&self) {
        let members = self.members();
        let mut at = self.info("first");
        for (index, member) in &members {
            assert_eq!(at, *index, "{}", self.json);
            assert_eq!(self.json["members"].get(at.to_string()), Some(*member), "{}", self.json);
            check_member(member);
            at = member["next"].as_u64().unwrap();
        }
        assert_eq!(at, self.info("next"), "the list ends elsewhere: {}", self.json);
        let count =
            |is_counted: &dyn Fn(&Value) -> bool| members.values().filter(|member| is_counted(member)).count() as u64;
        assert_eq!(self.info("count"), members.len() as u64, "{}", self.json);
        assert_eq!(self.info("accepted"), count(&|member| member["reserved"] != true), "{}", self.json);
        assert_eq!(
            self.info("active"),
            count(&|member| member.pointer("/properties/system/active") == Some(&Value::Bool(true))),
            "{}",
            self.json
        );
        let distinct: std::collections::BTreeSet<_> = members.values().map(|member| xuid_of(member)).collect();
        assert_eq!(distinct.len(), members.len(), "a player is there twice: {}", self.json);
        for name in ["turn", "owners"] {
            let indices = self.json.pointer(&format!("/properties/system/{name}")).and_then(Value::as_array);
            for index in indices.into_iter().flatten() {
                assert!(members.contains_key(&index.as_u64().unwrap()), "{name}: {}", self.json);
            }
        }
    }

    /// A reader sees itself or nobody, and a list that ends.
    fn check_large(&self) {
        let shown = self.json["members"].as_object().unwrap();
        assert!(shown.keys().all(|name| name == "me"), "{}", self.json);
        assert!(shown.len() == 1 || self.info("first") == self.info("next"), "{}", self.json);
        shown.values().for_each(check_member);
    }

    /// Checks that what a write said is so.
    pub(super) fn check_written(&self, body: &Value, xuid: &str) {
        let place = || format!("{body} gave {}", self.json);
        check_custom(body.pointer("/properties/custom"), self.json.pointer("/properties/custom"), &place);
        let closed = |document: &Value| document.pointer("/properties/system/closed").cloned();
        if let Some(asked) = closed(body) {
            assert_eq!(closed(&self.json).unwrap_or(Value::Bool(false)), asked, "{}", place());
        }
        let Some(members) = body["members"].as_object() else { return };
        for (key, asked) in members {
            if key == "me" && asked.is_null() {
                assert!(self.member(xuid).is_none(), "{}", place());
            } else if key == "me" {
                let member = self.member(xuid).unwrap_or_else(|| panic!("the writer is not there: {}", place()));
                assert!(member["gamertag"].is_string() && member["reserved"].is_null(), "{}", place());
                check_custom(asked.pointer("/properties/custom"), member.pointer("/properties/custom"), &place);
                for flag in ["active", "ready"] {
                    let flag = |object: &Value| object.pointer(&format!("/properties/system/{flag}")).cloned();
                    if let Some(asked) = flag(asked) {
                        assert_eq!(flag(member).unwrap_or(Value::Bool(false)), asked, "{}", place());
                    }
                }
            } else if key.starts_with("reserve_") {
                assert!(self.member(xuid_of(asked)).is_some(), "{}", place());
            } else {
                assert!(self.json["members"].get(key).is_none(), "{}", place());
            }
        }
    }
}

/// The xuid of a member, shown or asked for.
pub(super) fn xuid_of(member: &Value) -> &str {
    member["constants"]["system"]["xuid"].as_str().unwrap()
}

fn check_member(member: &Value) {
    for bag in ["constants", "properties"] {
        assert!(member[bag]["system"].is_object() && member[bag].get("custom").is_some(), "{bag}: {member}");
    }
    assert!(member["next"].is_u64() && member["joinTime"].is_string(), "{member}");
    assert_eq!(member["gamertag"].is_string(), member["reserved"] != true, "{member}");
    assert!(member.pointer("/properties/system/encounters").is_none(), "{member}");
    let is_set = |flag: &str| member["properties"]["system"][flag] == true;
    assert!(!(is_set("active") && is_set("ready")), "{member}");
}

/// Every field asked for is there as asked; `null` has none.
fn check_custom(asked: Option<&Value>, shown: Option<&Value>, place: &dyn Fn() -> String) {
    for (key, value) in asked.and_then(Value::as_object).into_iter().flatten() {
        assert_eq!(shown.and_then(|shown| shown.get(key)).unwrap_or(&Value::Null), value, "{}", place());
    }
}
