//! Lists: what each audience finds, and in which order.

use std::time::Duration;

use nexus_kernel::Role;
use nexus_testkit::{Backend, Person};
use serde_json::json;

use crate::on_each_database;
use crate::support::{alone, change, draft, editor, published, titles};

on_each_database!(a_list_has_pages_newest_first, a_search_finds_text_whatever_its_case, each_audience_has_its_own_list);

async fn a_list_has_pages_newest_first(backend: Backend) {
    let kit = alone(backend).await;
    let editor = editor();
    for number in 1..=5 {
        draft(&kit, &editor, &format!("Take {number}")).await;
        kit.clock.advance(Duration::from_millis(5));
    }
    let mut seen = Vec::new();
    let mut path = "/api/content?limit=2".to_owned();
    loop {
        let page = kit.get(&path).bearer(kit.token(&editor)).send().await.expect(200).value();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => path = format!("/api/content?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["Take 5", "Take 4", "Take 3", "Take 2", "Take 1"]);
}

async fn a_search_finds_text_whatever_its_case(backend: Backend) {
    let kit = alone(backend).await;
    let editor = editor();
    draft(&kit, &editor, "Été à 100%").await;
    let other = draft(&kit, &editor, "Winter").await;
    let described = json!({"description": "Not like the ÉTÉ film"});
    let _ = change(&kit, &editor, other["id"].as_str().unwrap(), described).await.expect(200);
    assert_eq!(titles(&kit, Some(&editor), "?q=%C3%A9T%C3%A9").await.len(), 2);
    assert_eq!(titles(&kit, Some(&editor), "?q=100%25").await, ["Été à 100%"]);
    assert_eq!(titles(&kit, Some(&editor), "?q=W_nter").await, Vec::<String>::new());
    assert_eq!(titles(&kit, Some(&editor), "?q=winter&status=draft").await, ["Winter"]);
    assert_eq!(titles(&kit, Some(&editor), "?status=published").await, Vec::<String>::new());
}

async fn each_audience_has_its_own_list(backend: Backend) {
    let kit = alone(backend).await;
    let maker = editor();
    for visibility in ["public", "members", "private"] {
        let id = published(&kit, &maker, visibility).await;
        let _ = change(&kit, &maker, &id, json!({"title": visibility})).await.expect(200);
        kit.clock.advance(Duration::from_millis(5));
    }
    draft(&kit, &maker, "draft").await;
    let member = Person::of(maker.tenant, Role::Member);
    assert_eq!(titles(&kit, None, "").await, ["public"]);
    assert_eq!(titles(&kit, Some(&member), "").await, ["members", "public"]);
    assert_eq!(titles(&kit, Some(&maker), "").await, ["draft", "private", "members", "public"]);
    assert_eq!(titles(&kit, Some(&Person::new(Role::Owner)), "").await, Vec::<String>::new());
}
