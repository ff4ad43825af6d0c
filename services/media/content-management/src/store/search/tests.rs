use nexus_kernel::config::Config;
use nexus_kernel::runtime::store_of;
use nexus_kernel::store::{Scalar, Store, Value};
use nexus_kernel::{Clock, Timestamp, UserId};
use nexus_testkit::{Backend, Database, Testkit, eventually};
use uuid::Uuid;

use super::*;

const ROWS: u32 = 3_000;
const TENANT: TenantId = TenantId(Uuid::from_u128(7));

fn audiences() -> [Audience; 3] {
    [
        Audience::Anyone,
        Audience::Member { tenant: TENANT, user: UserId(Uuid::from_u128(8)) },
        Audience::Editor { tenant: TENANT },
    ]
}

fn filter(query: &str) -> Filter {
    Filter::parse(None, Some(query)).unwrap()
}

/// An item as it was written before there was an index, or as it is now.
fn item(id: u128, title: &str, search_text: &str) -> Vec<Value> {
    params![Uuid::from_u128(id), TENANT, title, UserId(Uuid::from_u128(8)), Timestamp::from_micros(1), search_text]
}

const INSERT: &str =
    "INSERT INTO content (id, tenant_id, title, description, visibility, status, created_by, created_at,
        updated_at, version, search_text) VALUES ($1, $2, $3, '', 'public', 'published', $4, $5, $5, 1, $6)";

async fn fill(kit: &Testkit) {
    let store = &kit.context("content-management").store;
    let mut tx = store.begin(Scope::System).await.unwrap();
    for number in 0..ROWS {
        let title = format!("Take {number}");
        let words = crate::words::search_text(&title, "");
        tx.execute(INSERT, item(u128::from(number), &title, &words)).await.unwrap();
    }
    if store.dialect() == Dialect::Postgres {
        tx.execute("ANALYZE content", params![]).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn titles(ctx: &Context, audience: Audience, query: &str, page: &Page) -> Vec<String> {
    let found = super::super::list(ctx, audience, &filter(query), page).await.unwrap();
    found.into_iter().map(|stored| stored.content.title).collect()
}

/// How the database finds what a word belongs to, as it says itself.
async fn plan(ctx: &Context, audience: Audience, word: &str) -> String {
    let dialect = ctx.store.dialect();
    let (explain, column) = match dialect {
        Dialect::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
        Dialect::Postgres => ("EXPLAIN", "QUERY PLAN"),
    };
    let mut params = params![query(dialect, audience, &Wanted::of(word)), i64::MAX, 51_i64, ""];
    let scope = match audience {
        Audience::Anyone => Scope::System,
        Audience::Member { tenant, user } => {
            params.push(user.into());
            Scope::Tenant(tenant)
        }
        Audience::Editor { tenant } => Scope::Tenant(tenant),
    };
    let rows: Vec<Row> =
        ctx.store.read(scope).query(&format!("{explain} {}", statement(dialect, audience)), params).await.unwrap();
    rows.iter().map(|row| row.get::<String>(column).unwrap()).collect::<Vec<_>>().join("\n")
}

async fn a_search_reads_the_index_and_not_the_table(backend: Backend) {
    let kit = Testkit::start(backend, vec![crate::service()]).await;
    fill(&kit).await;
    let ctx = kit.context("content-management");
    for audience in audiences() {
        let plan = plan(ctx, audience, "2718").await;
        match ctx.store.dialect() {
            Dialect::Sqlite => {
                assert!(plan.contains("SCAN content_search VIRTUAL TABLE INDEX"), "{plan}");
                assert!(plan.contains("SEARCH content USING INTEGER PRIMARY KEY"), "{plan}");
                // Reading ends when the page is full.
                assert!(!plan.contains("TEMP B-TREE"), "{plan}");
            }
            Dialect::Postgres => {
                assert!(plan.contains("Bitmap Index Scan on content_search"), "{plan}");
                assert!(!plan.contains("Seq Scan"), "{plan}");
            }
        }
        let first = Page { after: None, limit: 2 };
        assert_eq!(titles(ctx, audience, "2718", &first).await, ["Take 2718"]);
        assert_eq!(titles(ctx, audience, "take", &first).await[..2], ["Take 2999", "Take 2998"]);
        assert_eq!(titles(ctx, audience, "29 TAK", &first).await[..2], ["Take 2999", "Take 2998"]);
        let next = Page { after: Some(Uuid::from_u128(2_998).to_string()), limit: 2 };
        assert_eq!(titles(ctx, audience, "take", &next).await[..2], ["Take 2997", "Take 2996"]);
        // The item that the page before ended with is gone.
        let gone = Page { after: Some(format!("{}x", Uuid::from_u128(2_998))), limit: 2 };
        assert_eq!(titles(ctx, audience, "take", &gone).await[..2], ["Take 2998", "Take 2997"]);
        let end = Page { after: Some(Uuid::from_u128(0).to_string()), limit: 2 };
        assert_eq!(titles(ctx, audience, "take", &end).await, [] as [&str; 0]);
    }
}

async fn what_was_there_before_the_index_gets_into_it(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let database = if backend == Backend::Postgres { Some(Database::create().await) } else { None };
    let place = |config: &mut Config| {
        config.data = folder.path().to_owned();
        if let Some(database) = &database {
            config.store.postgres = database.url.as_str().into();
        }
    };
    let mut config = Config::default();
    place(&mut config);
    let service = "content-management";
    let store = Store::open(store_of(&config, service), service, Clock::system()).await.unwrap();
    store.migrate(&crate::MIGRATIONS[..1]).await.unwrap();
    let mut tx = store.begin(Scope::System).await.unwrap();
    // Longer than a word of the index may be.
    let long = "y".repeat(4_000);
    for (id, title) in [(2, "Second: Été"), (1, "First"), (3, long.as_str())] {
        tx.execute(INSERT, item(id, title, &title.to_lowercase())).await.unwrap();
    }
    tx.commit().await.unwrap();
    store.migrate(crate::MIGRATIONS).await.unwrap();
    let sql = "SELECT title FROM content WHERE substr(search_text, 1, 1) <> ' ' ORDER BY number";
    let before: Vec<Scalar<String>> = store.read(Scope::System).query(sql, params![]).await.unwrap();
    assert_eq!(before.iter().map(|Scalar(title)| title.as_str()).collect::<Vec<_>>(), ["First", "Second: Été", &long]);
    store.close().await;

    let kit = Testkit::start_with(backend, vec![crate::service()], place).await;
    let ctx = kit.context(service);
    let page = Page { after: None, limit: 10 };
    let editor = Audience::Editor { tenant: TENANT };
    eventually("all to be found", async || {
        let found = titles(ctx, editor, "été", &page).await.len() + titles(ctx, editor, "yyy", &page).await.len();
        (found == 2).then_some(())
    })
    .await;
    assert_eq!(titles(ctx, Audience::Anyone, "first", &page).await, ["First"]);
}

mod sqlite {
    use super::*;

    #[tokio::test]
    async fn a_search_reads_the_index_and_not_the_table() {
        super::a_search_reads_the_index_and_not_the_table(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn what_was_there_before_the_index_gets_into_it() {
        super::what_was_there_before_the_index_gets_into_it(Backend::Sqlite).await;
    }
}

mod postgres {
    use super::*;

    #[tokio::test]
    async fn a_search_reads_the_index_and_not_the_table() {
        super::a_search_reads_the_index_and_not_the_table(Backend::Postgres).await;
    }

    #[tokio::test]
    async fn what_was_there_before_the_index_gets_into_it() {
        super::what_was_there_before_the_index_gets_into_it(Backend::Postgres).await;
    }
}
