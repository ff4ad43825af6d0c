// A service that does nothing yet: what each of many costs before its first line of own code.
const express = require('express')

const app = express()
app.get('/', (_, response) => response.json({ status: 'up' }))
const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port))
