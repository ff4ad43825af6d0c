use http::Method;
use nexus_testkit::{Backend, Person, Testkit};
use serde_json::{Value, json};

use super::{ENTERPRISE, GRACE, USER, at, found, get, grace, made, patch, send};
use crate::on_each_database;
use crate::support::{PASSWORD, member, outcome, ready};

on_each_database!(
    filters_find_people,
    what_is_no_filter_is_refused_and_hostile_text_finds_nothing,
    results_come_in_order_and_in_pages,
    clients_choose_what_they_see,
    what_the_server_can_do_is_published,
    people_who_register_are_in_the_directory_too,
);

async fn people(kit: &Testkit, owner: &Person) {
    let _ = made(kit, owner, grace()).await;
    let _ = made(kit, owner, json!({
        "schemas": [USER], "userName": "linus@example.com", "displayName": "Linus", "active": false, "nickName": "100% \\_'\"",
    })).await;
    let _ = made(
        kit,
        owner,
        json!({
            "schemas": [USER], "userName": "zoë", "displayName": "ZOË", "userType": "Intern",
            "emails": [{"value": "zoe@example.org", "type": "home"}, {"value": "zoe@example.com", "type": "work"}],
        }),
    )
    .await;
}

async fn filters_find_people(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    people(&kit, &owner).await;
    let (g, l, o, z) = ("Grace.Hopper", "linus@example.com", "owner@example.com", "zoë");
    for (filter, expected) in [
        (r#"userName eq "GRACE.hopper""#, vec![g]),
        (r#"externalId eq "00u1""#, vec![g]),
        (r#"externalId eq "00U1""#, vec![]),
        (r#"userName ne "zoë""#, vec![g, l, o]),
        (r#"displayName eq "zoë""#, vec![z]),
        (r#"name.familyName co "OPP""#, vec![g]),
        (r#"userName sw "o""#, vec![o]),
        (r#"userName ew "@example.com""#, vec![l, o]),
        (r#"emails co "example.org""#, vec![z]),
        (r#"emails.value eq "g@home.example""#, vec![g]),
        (r#"emails[type eq "work" and value ew "example.com"]"#, vec![g, z]),
        (r#"emails[type eq "home" and value ew "example.com"]"#, vec![]),
        ("emails[not (type pr)]", vec![l, o]),
        (r#"emails[type ne "work" and value co "zoe"]"#, vec![z]),
        ("title pr", vec![g]),
        ("not (title pr)", vec![l, o, z]),
        ("title eq null", vec![l, o, z]),
        ("emails[primary eq true]", vec![g, l, o]),
        ("active eq false", vec![l]),
        (r#"active eq true and (userType eq "Intern" or title co "admiral")"#, vec![g, z]),
        (r#"title pr or userName eq "zoë" and active eq false"#, vec![g]),
        (r#"userName gt "linus" and userName le "owner@example.com""#, vec![l, o]),
        (r#"meta.created gt "2001-01-01T00:00:00Z""#, vec![g, l, o, z]),
        (r#"meta.lastModified lt "2001-01-01T00:00:00Z""#, vec![]),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "compilers""#, vec![g]),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "26118915""#, vec![g]),
        (r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "zoë""#, vec![z]),
        (r#"nickName co "% \\_'\"""#, vec![l]),
        (r#"nickName ew "\"""#, vec![l]),
        (r#"nickName sw "10_""#, vec![]),
        ("groups pr", vec![]),
    ] {
        assert_eq!(found(&kit, &owner, filter).await, expected, "{filter}");
    }
    let by_query = get(&kit, &owner, "/Users?filter=userName%20eq%20%22zo%C3%AB%22").await.expect(200).value();
    assert_eq!((&by_query["totalResults"], &by_query["Resources"][0]["userName"]), (&json!(1), &json!("zoë")));
}

async fn what_is_no_filter_is_refused_and_hostile_text_finds_nothing(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    people(&kit, &owner).await;
    for filter in ["", "userName", "nobody eq \"x\"", "userName eq \"x", "active gt true", "(((", &"a".repeat(5_000)] {
        let body = json!({"filter": filter});
        let refused = send(&kit, &owner, Method::POST, "/Users/.search", body).await.expect(400).value();
        assert_eq!(refused["scimType"], "invalidFilter", "{filter}");
    }
    for hostile in
        ["' OR '1'='1", "'; DROP TABLE users; --", "%", "_", "\\", "$1", ":tenant", "\u{202E}", "x' UNION SELECT"]
    {
        for operator in ["eq", "sw", "ew", "co"] {
            let filter = format!("title {operator} {}", Value::from(hostile));
            assert_eq!(found(&kit, &owner, &filter).await, Vec::<String>::new(), "{filter}");
        }
    }
    assert_eq!(found(&kit, &owner, "userName pr").await.len(), 4);
}

async fn results_come_in_order_and_in_pages(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    people(&kit, &owner).await;
    let names = async |query: &str| {
        let list = get(&kit, &owner, &format!("/Users?{query}")).await.expect(200).value();
        let names: Vec<String> = list["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["userName"].as_str().unwrap().to_owned())
            .collect();
        (list["totalResults"].as_i64().unwrap(), list["startIndex"].as_i64().unwrap(), names.join(" "))
    };
    let all = "Grace.Hopper linus@example.com owner@example.com zoë";
    assert_eq!(names("sortBy=userName").await, (4, 1, all.to_owned()));
    let back = "zoë owner@example.com linus@example.com Grace.Hopper";
    assert_eq!(names("sortBy=userName&sortOrder=descending").await, (4, 1, back.to_owned()));
    // Who has no title comes last, and first in descending order.
    assert!(names("sortBy=title").await.2.starts_with("Grace"));
    assert!(names("sortBy=title&sortOrder=descending").await.2.ends_with("Grace.Hopper"));
    // By the address of each that counts: that of work is not primary, so that the first one counts.
    assert!(names("sortBy=emails").await.2.starts_with("Grace.Hopper linus"));
    assert_eq!(
        names("sortBy=userName&startIndex=2&count=2").await,
        (4, 2, "linus@example.com owner@example.com".to_owned())
    );
    assert_eq!(names("count=0").await, (4, 1, String::new()));
    assert_eq!(names("startIndex=-3&count=-1").await, (4, 1, String::new()));
    assert_eq!(names("startIndex=9").await, (4, 9, String::new()));
    assert_eq!(names("sortBy=meta.created&count=1").await.2, "owner@example.com");
    let _ = get(&kit, &owner, "/Users?count=x").await.expect(400);
    let both = send(&kit, &owner, Method::POST, "/.search", json!({"filter": "displayName pr", "count": 2})).await;
    assert_eq!(both.expect(200).value()["itemsPerPage"], 2);
}

async fn clients_choose_what_they_see(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let user = made(&kit, &owner, grace()).await;
    let path = at(&user, "Users");
    let seen = get(&kit, &owner, &format!("{path}?attributes=name.familyName,emails.value")).await.expect(200).value();
    assert_eq!(
        seen,
        json!({
            "schemas": [USER, ENTERPRISE], "id": user["id"], "userName": "Grace.Hopper", "name": {"familyName": "Hopper"},
            "emails": [{"value": "Grace@example.com"}, {"value": "g@home.example"}],
        })
    );
    let seen = get(&kit, &owner, &format!("{path}?excludedAttributes=emails,id,name.givenName,{ENTERPRISE}"))
        .await
        .expect(200);
    let seen = seen.value();
    assert_eq!(
        (&seen["emails"], &seen["id"], &seen["name"]),
        (&Value::Null, &user["id"], &json!({"familyName": "Hopper"}))
    );
    assert_eq!(seen[ENTERPRISE], Value::Null);
    let body = json!({"attributes": ["title"], "filter": "title pr"});
    let list = send(&kit, &owner, Method::POST, "/.search", body).await.expect(200).value();
    assert_eq!((&list["totalResults"], &list["Resources"][0]["title"]), (&json!(1), &json!("Rear Admiral")));
    assert_eq!(list["Resources"][0]["emails"], Value::Null);
}

async fn what_the_server_can_do_is_published(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let config = get(&kit, &owner, "/ServiceProviderConfig").await.expect(200).value();
    for feature in ["patch", "bulk", "filter", "sort", "etag"] {
        assert_eq!(config[feature]["supported"], true, "{feature}");
    }
    let types = get(&kit, &owner, "/ResourceTypes").await.expect(200).value();
    assert_eq!(types["totalResults"], 2);
    for resource in types["Resources"].as_array().unwrap() {
        let path = format!("/ResourceTypes/{}", resource["id"].as_str().unwrap());
        assert_eq!(&get(&kit, &owner, &path).await.expect(200).value(), resource);
        let path = format!("/Schemas/{}", resource["schema"].as_str().unwrap());
        let schema = get(&kit, &owner, &path).await.expect(200).value();
        assert_eq!(schema["name"], resource["name"]);
    }
    assert_eq!(get(&kit, &owner, "/Schemas").await.expect(200).value()["totalResults"], 3);
}

async fn people_who_register_are_in_the_directory_too(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    assert_eq!(found(&kit, &owner, r#"userName eq "grace@example.com" and emails[primary eq true]"#).await, [GRACE]);
    let renamed = kit.patch("/api/users/me").bearer(kit.token(&grace)).header("if-match", "\"2\"");
    let _ = renamed.json(json!({"name": "Amazing Grace"})).send().await.expect(200);
    assert_eq!(found(&kit, &owner, r#"displayName co "amazing""#).await, [GRACE]);
    // A directory that finds somebody may take them on without anything being lost.
    let path = format!("/Users/{}", grace.user);
    let taken = patch(&kit, &owner, &path, json!([{"op": "add", "path": "externalId", "value": "00u7"}]))
        .await
        .expect(200)
        .value();
    assert_eq!(
        (&taken["displayName"], &taken["emails"]),
        (&json!("Amazing Grace"), &json!([{"value": GRACE, "primary": true}]))
    );
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "valid");
    let renamed = kit.patch("/api/users/me").bearer(kit.token(&grace)).header("if-match", "\"4\"");
    let _ = renamed.json(json!({"name": "Grace"})).send().await.expect(200);
    assert_eq!(get(&kit, &owner, &path).await.expect(200).value()["displayName"], "Grace");
}
