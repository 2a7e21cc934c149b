import { useEffect, useRef, useState } from "preact/hooks";
import { describe, ProblemError, UnreachableError } from "../api/problem";
import { useApp } from "../app/context";
import { useTitle } from "../app/hooks";
import { duration, useNow } from "../app/time";
import { Button } from "../components/button";
import { Message } from "../components/message";
import { Centred } from "./centred";
import "./sign-in.css";

interface Failure {
    title: string;
    detail: string;
    /** When another attempt makes sense, ms of the local clock. */
    retryAt: number | null;
}

function failureOf(error: unknown): Failure {
    if (error instanceof UnreachableError) {
        return {
            title: "The server can't be reached",
            detail: "Check your connection and try again.",
            retryAt: null,
        };
    }
    if (!(error instanceof ProblemError)) {
        return { title: "Sign-in failed", detail: describe(error), retryAt: null };
    }
    const retryAt = error.retryAfter === null ? null : Date.now() + error.retryAfter * 1000;
    switch (error.status) {
        case 401:
            return { title: "Wrong username or password", detail: "Check both and try again.", retryAt: null };
        case 429:
            return { title: "Too many attempts", detail: error.detail, retryAt };
        case 503:
            return { title: "The server is busy", detail: error.detail, retryAt };
        default:
            return { title: error.title, detail: error.detail, retryAt };
    }
}

export function SignInPage() {
    const { client } = useApp();
    const [busy, setBusy] = useState(false);
    const [failure, setFailure] = useState<Failure | null>(null);
    const username = useRef<HTMLInputElement>(null);
    const password = useRef<HTMLInputElement>(null);
    const now = useNow(1000);
    const wait = Math.ceil(((failure?.retryAt ?? 0) - now) / 1000);
    useTitle("Sign in");

    useEffect(() => username.current?.focus(), []);

    const submit = async (event: Event) => {
        event.preventDefault();
        setBusy(true);
        setFailure(null);
        try {
            await client.auth.signIn(username.current?.value ?? "", password.current?.value ?? "");
        } catch (error) {
            setFailure(failureOf(error));
            setBusy(false);
            password.current?.focus();
            password.current?.select();
        }
    };

    return (
        <Centred>
            <h1>Sign in</h1>
            <p>Your desktops are waiting for you.</p>
            <form class="sign-in" onSubmit={(event) => void submit(event)}>
                {failure !== null && (
                    <Message tone={failure.retryAt === null ? "danger" : "warning"} title={failure.title} alert>
                        {failure.detail}
                        {wait > 0 && <span class="sign-in-wait"> Try again in {duration(wait)}.</span>}
                    </Message>
                )}
                <label>
                    <span>Username</span>
                    <input
                        ref={username}
                        name="username"
                        type="text"
                        autocomplete="username"
                        autocapitalize="none"
                        autocorrect="off"
                        spellcheck={false}
                        maxLength={64}
                        required
                        autofocus
                    />
                </label>
                <label>
                    <span>Password</span>
                    <input
                        ref={password}
                        name="password"
                        type="password"
                        autocomplete="current-password"
                        maxLength={1024}
                        required
                    />
                </label>
                <Button type="submit" look="primary" size="large" busy={busy} disabled={wait > 0}>Sign in</Button>
            </form>
        </Centred>
    );
}
