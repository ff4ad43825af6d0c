//! Who may play what, for how long, and at which address.

use std::time::Duration;

use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, eventually};

use crate::on_each_database;
use crate::support::{act, ask, attach, beside, delete, editor, playback, published, ready, show_to, start};

on_each_database!(
    who_may_play_what,
    public_content_has_an_address_for_everybody,
    other_content_has_a_signed_address_that_expires,
    a_forged_address_is_refused,
    what_is_taken_back_is_not_played_any_more,
    what_is_hidden_is_not_played_any_more,
    what_is_not_ready_can_not_be_played,
    addresses_survive_a_restart,
);

async fn who_may_play_what(backend: Backend) {
    let (kit, _) = start(backend).await;
    let maker = editor();
    let colleague = Person::of(maker.tenant, Role::Editor);
    let member = Person::of(maker.tenant, Role::Member);
    let demoted = Person { role: Role::Member, ..maker.clone() };
    let stranger = Person::new(Role::Owner);
    let everybody = [None, Some(&stranger), Some(&member), Some(&demoted), Some(&colleague)];
    for (id, may) in [
        (ready(&kit, &maker).await, [false, false, false, true, true]),
        (published(&kit, &maker, "private").await, [false, false, false, true, true]),
        (published(&kit, &maker, "members").await, [false, false, true, true, true]),
        (published(&kit, &maker, "public").await, [true; 5]),
    ] {
        for (who, may) in everybody.into_iter().zip(may) {
            let reply = ask(&kit, who, id).await.expect(if may { 200 } else { 404 });
            assert_eq!(reply.header("cache-control"), "no-store");
        }
        // A public address of what is not public is none.
        let public = kit.get(&format!("/api/stream/hls/{id}/public/master.m3u8")).send().await;
        let _ = public.expect(if may[0] { 200 } else { 404 });
    }
}

async fn public_content_has_an_address_for_everybody(backend: Backend) {
    let (kit, _) = start(backend).await;
    let maker = editor();
    let id = published(&kit, &maker, "public").await;
    let addresses = playback(&kit, None, id).await;
    let base = addresses.hls_url.strip_suffix("/master.m3u8").unwrap();
    assert!(base.starts_with(&format!("/api/stream/hls/{id}/public-")), "{base}");
    assert_eq!(addresses.poster_url, format!("{base}/poster.jpg"));
    assert_eq!((addresses.duration_ms, addresses.expires_at), (4_000, None));
    assert_eq!(playback(&kit, Some(&maker), id).await, addresses);
    let _ = kit.get(&addresses.hls_url).send().await.expect(200);
    let _ = kit.get(&addresses.poster_url).send().await.expect(200);
}

async fn other_content_has_a_signed_address_that_expires(backend: Backend) {
    let (kit, _) = start(backend).await;
    let maker = editor();
    let id = ready(&kit, &maker).await;
    let addresses = playback(&kit, Some(&maker), id).await;
    let expires = addresses.expires_at.unwrap();
    let lives = expires.since(kit.now());
    assert!(lives > Duration::from_hours(3) && lives < Duration::from_hours(24), "{lives:?}");
    // The address needs no token, and works for all that lies below it.
    for file in ["master.m3u8", "poster.jpg", "240p/index.m3u8", "240p/init.mp4", "240p/00000.m4s", "thumbs/1.jpg"] {
        let _ = kit.get(&beside(&addresses, file)).send().await.expect(200);
    }
    kit.clock.advance(lives);
    assert_eq!(kit.get(&addresses.hls_url).send().await.expect(403).code(), "expired-signature");
    let again = playback(&kit, Some(&maker), id).await;
    let _ = kit.get(&again.hls_url).send().await.expect(200);
}

async fn a_forged_address_is_refused(backend: Backend) {
    let (kit, _) = start(backend).await;
    let maker = editor();
    let (id, other) = (ready(&kit, &maker).await, ready(&kit, &maker).await);
    let signed = playback(&kit, Some(&maker), id).await.hls_url;
    let access = signed.split('/').nth(5).unwrap().to_owned();
    let forge = |access: &str| format!("/api/stream/hls/{id}/{access}/master.m3u8");
    let mut parts: Vec<_> = access.split('.').map(str::to_owned).collect();
    let later = (parts[1].parse::<i64>().unwrap() + 1).to_string();
    for forged in [
        forge(&access.replacen(&parts[1], &later, 1)),
        forge(&access[..access.len() - 1]),
        forge(&format!("{access}A")),
        forge(&access.to_uppercase()),
        forge("x"),
        forge("a.b.c"),
        forge("PUBLIC"),
        signed.replace(&id.to_string(), &other.to_string()),
    ] {
        assert_eq!(kit.get(&forged).send().await.expect(403).code(), "invalid-signature", "{forged}");
    }
    let flipped = if parts[2].starts_with('A') { "B" } else { "A" };
    parts[2].replace_range(..1, flipped);
    let _ = kit.get(&forge(&parts.join("."))).send().await.expect(403);
    let _ = kit.get(&signed).send().await.expect(200);
}

async fn what_is_taken_back_is_not_played_any_more(backend: Backend) {
    let (kit, _) = start(backend).await;
    let maker = editor();
    let member = Person::of(maker.tenant, Role::Member);
    let public = published(&kit, &maker, "public").await;
    let members = published(&kit, &maker, "members").await;
    let addresses = [playback(&kit, None, public).await.hls_url, playback(&kit, Some(&member), members).await.hls_url];
    let mine = playback(&kit, Some(&maker), members).await.hls_url;
    for address in &addresses {
        let _ = kit.get(address).send().await.expect(200);
    }
    act(&kit, &maker, public, "unpublish").await;
    act(&kit, &maker, members, "unpublish").await;
    for address in &addresses {
        eventually("the address is dead", async || (kit.get(address).send().await.status == 404).then_some(())).await;
    }
    let _ = ask(&kit, None, public).await.expect(404);
    let _ = ask(&kit, Some(&member), members).await.expect(404);
    // Who made it goes on with it.
    let _ = kit.get(&mine).send().await.expect(200);
    // Out again, it plays again.
    act(&kit, &maker, public, "publish").await;
    eventually("it plays again", async || (kit.get(&addresses[0]).send().await.status == 200).then_some(())).await;
    delete(&kit, &maker, public).await;
    eventually("deleted is dead", async || (kit.get(&addresses[0]).send().await.status == 404).then_some(())).await;
}

async fn what_is_hidden_is_not_played_any_more(backend: Backend) {
    let (kit, _) = start(backend).await;
    let maker = editor();
    let member = Person::of(maker.tenant, Role::Member);
    let id = published(&kit, &maker, "public").await;
    let address = playback(&kit, None, id).await.hls_url;
    let _ = kit.get(&address).send().await.expect(200);
    show_to(&kit, &maker, id, "members").await;
    eventually("the public address is dead", async || (kit.get(&address).send().await.status == 404).then_some(()))
        .await;
    let signed = playback(&kit, Some(&member), id).await.hls_url;
    let _ = kit.get(&signed).send().await.expect(200);
    show_to(&kit, &maker, id, "private").await;
    eventually("the member's address is dead", async || (kit.get(&signed).send().await.status == 404).then_some(()))
        .await;
}

async fn what_is_not_ready_can_not_be_played(backend: Backend) {
    let (kit, _) = start(backend).await;
    let maker = editor();
    let id = attach(&kit, &maker).await;
    assert_eq!(ask(&kit, Some(&maker), id).await.expect(409).code(), "media-not-ready");
    // Whoever may not play it does not learn that it is there.
    let _ = ask(&kit, Some(&Person::of(maker.tenant, Role::Member)), id).await.expect(404);
    for made_up in ["none", "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11", "..%2f.."] {
        let _ = kit.get(&format!("/api/stream/{made_up}/playback")).bearer(kit.token(&maker)).send().await.expect(404);
    }
    let _ = kit.get(&format!("/api/stream/{id}/playback")).bearer("no-token").send().await.expect(401);
}

async fn addresses_survive_a_restart(backend: Backend) {
    let (kit, stand_in) = start(backend).await;
    let maker = editor();
    let id = ready(&kit, &maker).await;
    let address = playback(&kit, Some(&maker), id).await.hls_url;
    let services = vec![streaming_service_v2::service(), content_management::service(), stand_in.service()];
    let kit = kit.restart(services).await;
    let _ = kit.get(&address).send().await.expect(200);
}
