// Prints an access token of the owner, for clients that take a ready one.
import { signIn } from './nexus.mjs';

console.log(await signIn());
