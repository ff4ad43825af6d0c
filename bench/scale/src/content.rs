//! content-management over more and more rows: the service that holds what lists, pages and searches are made of.

use anyhow::{Context as _, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use nexus_kernel::{Role, TenantId};
use nexus_testkit::{Backend, Person, Testkit};
use rand::RngExt;
use rusqlite::Connection;
use serde_json::json;
use uuid::Uuid;

use crate::samples::Samples;

const REQUESTS: usize = 2_000;

/// How much there is.
pub(crate) struct Size {
    pub(crate) rows: u64,
    pub(crate) tenants: u64,
}

#[derive(Default)]
struct Measured {
    get: Samples,
    first_page: Samples,
    any_page: Samples,
    create: Samples,
    nothing: Samples,
    one: Samples,
    all: Samples,
}

/// Measures each size on a database of its own and prints a line for each.
pub(crate) async fn table(counted: &str, sizes: impl Iterator<Item = Size>) -> anyhow::Result<()> {
    println!("Microseconds, median / p99 (median against the first line).\n");
    println!(
        "| {counted} | get one | first page of 50 | a page in the middle | create, durable, with its event | search without a match | search for one item | search for what all have |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut first = None;
    for size in sizes {
        let measured = measure(&size).await?;
        let base = first.get_or_insert_with(|| measured.columns().map(Samples::median));
        let cells: Vec<String> =
            measured.columns().iter().zip(base).map(|(samples, base)| samples.cell(*base)).collect();
        let number = if size.tenants == 1 { size.rows } else { size.tenants };
        println!("| {number} | {} |", cells.join(" | "));
    }
    Ok(())
}

impl Measured {
    fn columns(&self) -> [&Samples; 7] {
        [&self.get, &self.first_page, &self.any_page, &self.create, &self.nothing, &self.one, &self.all]
    }
}

async fn measure(size: &Size) -> anyhow::Result<Measured> {
    let kit = Testkit::start(Backend::Sqlite, vec![content_management::service()]).await;
    fill(&kit, size)?;
    let mut measured = Measured::default();
    for _ in 0..REQUESTS {
        let number = rand::rng().random_range(0..size.rows);
        let editor = Person::of(tenant_of(number, size), Role::Editor);
        let token = kit.token(&editor);
        let get = async |path: String| kit.get(&path).bearer(&token).send().await.status;
        let status = measured.get.time(get(format!("/api/content/{}", id_of(number)))).await;
        ensure!(status == StatusCode::OK, "the item {number} that was put in is not found: {status}");
        measured.first_page.time(get("/api/content?limit=50".to_owned())).await;
        let cursor = URL_SAFE_NO_PAD.encode(id_of(number).to_string());
        let status = measured.any_page.time(get(format!("/api/content?limit=50&cursor={cursor}"))).await;
        ensure!(status == StatusCode::OK, "a page in the middle: {status}");
        let new = json!({ "title": "A title", "description": "A description", "visibility": "private" });
        let created = measured.create.time(kit.post("/api/content").bearer(&token).json(new).send()).await;
        ensure!(created.status == StatusCode::CREATED, "creating: {}", created.status);
        measured.nothing.time(get("/api/content?q=nothing-like-this".to_owned())).await;
        measured.one.time(get(format!("/api/content?q=item%20{number}"))).await;
        measured.all.time(get("/api/content?q=item".to_owned())).await;
    }
    kit.cloud.shutdown().await;
    Ok(measured)
}

/// The rows as the service itself would have written them.
fn fill(kit: &Testkit, size: &Size) -> anyhow::Result<()> {
    let file = kit.folder().join("state/content-management.sqlite");
    let connection = Connection::open(file).context("the service's database")?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY;")?;
    connection.execute(
        "WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?1)
         INSERT INTO content (id, tenant_id, title, description, visibility, status, created_by, created_at, updated_at,
             published_at, version, search_text)
         SELECT printf('00000000-0000-7000-8000-%012x', n), printf('00000000-0000-7000-9000-%012x', n % ?2),
             'The title of item ' || n, 'What there is to say about item ' || n, 'public', 'published',
             '00000000-0000-7000-a000-000000000000', 1700000000000000 + n, 1700000000000000 + n, 1700000000000000 + n, 1,
             ' about is item of say the there title to what ' || n
         FROM number",
        (i64::try_from(size.rows)?, i64::try_from(size.tenants)?),
    )?;
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

fn id_of(number: u64) -> Uuid {
    Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0000 | u128::from(number))
}

fn tenant_of(number: u64, size: &Size) -> TenantId {
    TenantId(Uuid::from_u128(0x0000_0000_0000_7000_9000_0000_0000_0000 | u128::from(number % size.tenants)))
}
