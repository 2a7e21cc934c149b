// A client of the HTTP interface that keeps the refresh cookie and the access token of one sign-in.

export class ApiClient {
    constructor(url) {
        this.url = url;
        this.cookie = null;
        this.token = null;
    }

    // Any request; body undefined: none. A string or Buffer is sent as it is, anything else as JSON.
    async request(method, path, { body, token = this.token, headers = {}, cookie, signal } = {}) {
        const raw = typeof body === "string" || Buffer.isBuffer(body);
        const response = await fetch(this.url + path, {
            method,
            redirect: "manual",
            signal,
            headers: {
                connection: "close", // a kept one may be closed, by its time limit or a kill, just as it is used again
                ...(token ? { authorization: `Bearer ${token}` } : {}),
                ...(cookie ? { cookie: `refresh_token=${cookie}` } : {}),
                ...(body === undefined ? {} : { "content-type": "application/json" }),
                ...headers,
            },
            body: body === undefined || raw ? body : JSON.stringify(body),
        });
        const text = await response.text();
        const isJson = /^application\/(problem\+)?json/.test(response.headers.get("content-type") ?? "");
        // Node 18 of Debian lacks getSetCookie(); its get() is as good for the one cookie that there is.
        const set = response.headers.getSetCookie?.() ?? [response.headers.get("set-cookie")].filter(Boolean);
        return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : null, cookies: set };
    }

    #remember(answer) {
        for (const line of answer.cookies) {
            const match = /^refresh_token=([^;]*)/.exec(line);
            if (match) this.cookie = match[1] || null;
        }
        if (answer.status === 200) this.token = answer.body.access_token;
        return answer;
    }

    async login(username, password, { signal } = {}) {
        return this.#remember(await this.request("POST", "/api/auth/login", { body: { username, password }, token: null, signal }));
    }

    async refresh(cookie = this.cookie, { signal } = {}) {
        return this.#remember(await this.request("POST", "/api/auth/refresh", { token: null, cookie, signal }));
    }

    async logout({ signal } = {}) {
        return this.#remember(await this.request("POST", "/api/auth/logout", { token: null, cookie: this.cookie, signal }));
    }

    async startSandbox() {
        const answer = await this.request("POST", "/api/sandboxes", { body: { template: "desktop" } });
        if (answer.status !== 201) throw new Error(`start: ${answer.status} ${answer.text}`);
        return answer.body;
    }

    async sandbox(id) {
        return (await this.request("GET", `/api/sandboxes/${id}`)).body;
    }
}
