// Makes the owner's account with the token of the set-up link: node set-up.mjs token=...
const { NEXUS_URL, NEXUS_EMAIL, NEXUS_PASSWORD } = process.env;
const token = new URLSearchParams(process.argv[2]).get('token');
const reply = await fetch(`${NEXUS_URL}/api/users/setup`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({
    token,
    organisation: 'Interop',
    name: 'Owner',
    email: NEXUS_EMAIL,
    password: NEXUS_PASSWORD,
  }),
});
if (reply.status !== 201) {
  console.error(`set-up: ${reply.status} ${await reply.text()}`);
  process.exit(1);
}
