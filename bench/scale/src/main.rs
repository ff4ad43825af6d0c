//! What a request costs as the system grows: more rows, more tenants, more services in the process, more subscribers to an
//! event. Requests go through the whole service (layers, token, policies, store) and no socket, one at a time.
// It prints its result.
#![allow(clippy::print_stdout)]

mod content;
mod samples;
mod services;
mod subscribers;

fn main() -> anyhow::Result<()> {
    let most: u32 = std::env::var("SCALE_ROWS").map_or(Ok(7), |power| power.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        println!("## Rows, in one organisation\n");
        content::table("rows", (3..=most).map(|power| content::Size { rows: 10_u64.pow(power), tenants: 1 })).await?;
        println!("\n## Organisations, with ten rows each\n");
        let tenants = (1..most).step_by(2).map(|power| 10_u64.pow(power));
        content::table("organisations", tenants.map(|tenants| content::Size { rows: tenants * 10, tenants })).await?;
        println!("\n## Services in the process\n");
        services::table(&[1, 10, 43]).await?;
        println!("\n## Subscribers to an event\n");
        subscribers::table(&[1, 4, 16, 42]).await
    })
}
