// The gateway as such systems have it today: a token check, a rate limit and a proxy, each the package that most take.
// The arguments: its port and the upstream's. The key is shared, as jsonwebtoken verifies no EdDSA.
import http from "node:http";
import express from "express";
import { rateLimit } from "express-rate-limit";
import { createProxyMiddleware } from "http-proxy-middleware";
import jwt from "jsonwebtoken";

const [port, upstream] = process.argv.slice(2);
const key = "a key that both sides of this benchmark know";

if (port === "token") {
  const claims = { sub: "somebody", tid: "an organisation", roles: ["member"] };
  console.log(jwt.sign(claims, key, { algorithm: "HS256", expiresIn: "1d", issuer: "nexus-cos", audience: "nexus" }));
} else {
  const app = express();
  app.disable("x-powered-by");
  app.use(rateLimit({ windowMs: 1000, limit: 1_000_000, standardHeaders: "draft-8", legacyHeaders: false }));
  app.use((request, response, next) => {
    const token = request.headers.authorization?.replace(/^Bearer /, "");
    try {
      request.person = jwt.verify(token, key, { algorithms: ["HS256"], issuer: "nexus-cos", audience: "nexus" });
    } catch {
      return response.status(401).json({ error: "not signed in" });
    }
    return request.person.roles.includes("member") ? next() : response.status(403).json({ error: "forbidden" });
  });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1024 });
  app.use(createProxyMiddleware({ target: `http://127.0.0.1:${upstream}`, agent }));
  app.listen(Number(port), "127.0.0.1", 4096);
}
