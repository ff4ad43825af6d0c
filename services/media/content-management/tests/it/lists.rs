//! Lists: what each audience finds, and in which order.

use std::time::Duration;

use nexus_kernel::Role;
use nexus_testkit::{Backend, Person};
use serde_json::json;

use crate::on_each_database;
use crate::support::{act, alone, change, draft, editor, published, titles};

on_each_database!(
    a_list_has_pages_newest_first,
    a_search_finds_text_whatever_its_case,
    a_search_goes_by_the_beginnings_of_words,
    what_is_found_has_pages_newest_first,
    a_search_finds_what_the_asker_may_see,
    each_audience_has_its_own_list,
);

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

async fn a_search_goes_by_the_beginnings_of_words(backend: Backend) {
    let kit = alone(backend).await;
    let editor = editor();
    let harbour = draft(&kit, &editor, "The Old Harbour's night").await;
    draft(&kit, &editor, "東京の夜").await;
    let find = async |query: &str| titles(&kit, Some(&editor), &format!("?q={query}")).await;
    for query in ["harb", "HARBOUR", "old%20harb", "night-old", "n%20o%20t", "%22old%22%20*"] {
        assert_eq!(find(query).await, ["The Old Harbour's night"], "{query}");
    }
    for query in ["arbour", "old%20harbours", "harbour%20day", "%25", "%22", "NOT%20day", "words:old%20x"] {
        assert_eq!(find(query).await, [] as [&str; 0], "{query}");
    }
    assert_eq!(find("%E4%BA%AC").await, ["東京の夜"]);
    assert_eq!(find("%20").await.len(), 2, "no search at all");

    // What an item says no longer is not found, nor what is gone.
    let id = harbour["id"].as_str().unwrap();
    let _ = change(&kit, &editor, id, json!({"title": "Windmill"})).await.expect(200);
    assert_eq!((find("harbour").await.len(), find("wind").await.len()), (0, 1));
    let gone = kit.delete(&format!("/api/content/{id}")).bearer(kit.token(&editor)).header("if-match", "\"2\"");
    let _ = gone.send().await.expect(204);
    assert_eq!(find("wind").await, [] as [&str; 0]);
}

async fn what_is_found_has_pages_newest_first(backend: Backend) {
    let kit = alone(backend).await;
    let editor = editor();
    for number in 1..=5 {
        draft(&kit, &editor, &format!("Take {number}")).await;
        draft(&kit, &editor, &format!("Outtake {number}")).await;
        kit.clock.advance(Duration::from_millis(5));
    }
    let mut seen = Vec::new();
    let mut path = "/api/content?q=take&limit=2".to_owned();
    loop {
        let page = kit.get(&path).bearer(kit.token(&editor)).send().await.expect(200).value();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => path = format!("/api/content?q=take&limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["Take 5", "Take 4", "Take 3", "Take 2", "Take 1"]);
}

async fn a_search_finds_what_the_asker_may_see(backend: Backend) {
    let kit = alone(backend).await;
    let maker = editor();
    for visibility in ["public", "members", "private"] {
        let id = published(&kit, &maker, visibility).await;
        let _ = change(&kit, &maker, &id, json!({"title": format!("Harbour, {visibility}")})).await.expect(200);
        kit.clock.advance(Duration::from_millis(5));
    }
    let _ = draft(&kit, &maker, "Harbour, draft").await;
    let member = Person::of(maker.tenant, Role::Member);
    assert_eq!(titles(&kit, None, "?q=harbour").await, ["Harbour, public"]);
    assert_eq!(titles(&kit, Some(&member), "?q=harbour").await, ["Harbour, members", "Harbour, public"]);
    assert_eq!(titles(&kit, Some(&maker), "?q=harbour").await.len(), 4);
    assert_eq!(titles(&kit, Some(&Person::new(Role::Owner)), "?q=harbour").await, [] as [&str; 0]);

    // What is no longer for everybody is no longer found by everybody.
    let list = kit.get("/api/content?q=public").send().await.expect(200).value();
    let id = list["items"][0]["id"].as_str().unwrap().to_owned();
    let _ = change(&kit, &maker, &id, json!({"visibility": "members"})).await.expect(200);
    assert_eq!(titles(&kit, None, "?q=harbour").await, [] as [&str; 0]);
    let _ = change(&kit, &maker, &id, json!({"visibility": "public"})).await.expect(200);
    assert_eq!(titles(&kit, None, "?q=harbour").await, ["Harbour, public"]);
    let _ = act(&kit, &maker, &id, "unpublish").await.expect(200);
    assert_eq!(titles(&kit, None, "?q=harbour").await, [] as [&str; 0]);
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
