//! What somebody signed in from before. A browser shows it by a cookie, a program that keeps none by its name and its network.

use std::time::Duration;

use nexus_contracts::user_auth::{AccountRef, Notice};
use nexus_kernel::store::{StoreError, Tx};
use nexus_kernel::{Context, Problem, Timestamp, UserId, id_type};

use crate::attempt::Subject;
use crate::client::Client;
use crate::cookie::Cookie;
use crate::store;
use crate::token::{Token, TokenHash};

/// How long a device is known after it was last seen: as long as browsers keep its cookie.
const KNOWN_FOR: Duration = Duration::from_hours(400 * 24);
/// The most devices that are known of one person; of more, those that were seen last.
pub(crate) const MOST: u32 = 50;

id_type!(
    /// A known device's id.
    DeviceId
);

/// A browser or program that signed in to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) id: DeviceId,
    pub(crate) user: UserId,
    pub(crate) account: Subject,
    /// What its cookie hashes to; `None` for a program.
    pub(crate) token: Option<TokenHash>,
    pub(crate) name: String,
    pub(crate) network: String,
    pub(crate) seen_at: Timestamp,
}

/// The device that the client shows by its cookie, if it signed in to this account before.
pub(crate) async fn known(
    context: &Context,
    client: &Client,
    account: &Subject,
) -> Result<Option<DeviceId>, StoreError> {
    let Some(hash) = client.cookie(&Cookie::device(account)).and_then(|token| token.hash()) else { return Ok(None) };
    let since = context.clock.now().minus(KNOWN_FOR);
    store::known_device(context, account, &hash, since).await
}

/// How the client keeps what it is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// In a cookie, as browsers do.
    Cookie,
    /// Not at all, as programs do.
    Nothing,
}

/// What is to be done about the device that somebody signs in from.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The cookie that the client gets.
    pub(crate) cookie: Option<Token>,
    /// What the person has to know.
    pub(crate) notice: Option<Notice>,
}

/// Remembers what somebody signs in from, and says whether it is new. The first one of an account is nobody's surprise.
pub(crate) async fn remember(
    context: &Context,
    tx: &mut Tx,
    who: AccountRef,
    account: &Subject,
    client: &Client,
    keeps: Keeps,
) -> Result<Seen, StoreError> {
    let now = context.clock.now();
    let cookie = client.cookie(&Cookie::device(account));
    if let Some(hash) = cookie.as_ref().and_then(Token::hash)
        && store::touch_device(tx, who.user, &hash, &client.network_text(), now).await?
    {
        return Ok(Seen { cookie, notice: None });
    }
    let (name, network) = (client.device(), client.network_text());
    let familiar = store::familiarity(tx, who.user, &name, &network).await?;
    let token = (keeps == Keeps::Cookie).then(|| Token::generate(&context.ids));
    let device = Device {
        id: DeviceId(context.ids.next()),
        user: who.user,
        account: account.clone(),
        token: token.as_ref().and_then(Token::hash),
        name: name.clone(),
        network,
        seen_at: now,
    };
    store::add_device(tx, &device).await?;
    let notice = (familiar == Familiarity::New).then(|| Notice::NewDevice {
        device: name,
        address: client.address_text(),
        at: now,
    });
    Ok(Seen { cookie: token, notice })
}

/// How well an account knows a kind of device in a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Familiarity {
    /// Nobody ever signed in to the account.
    First,
    /// Something of the same name did, in the same network.
    Same,
    /// Others did.
    New,
}

/// Forgets devices that were not seen for too long.
pub(crate) async fn forget(context: Context) -> Result<(), Problem> {
    store::forget_devices_before(&context, context.clock.now().minus(KNOWN_FOR)).await?;
    Ok(())
}
