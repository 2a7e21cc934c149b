import { useTitle } from "../app/hooks";
import { PageLink } from "../components/button";
import { Centred } from "./centred";

export function NotFoundPage() {
    useTitle("Not found");
    return (
        <Centred>
            <h1>Nothing here</h1>
            <p>This address leads to no page. It may be mistyped, or from an older version.</p>
            <div class="centred-actions">
                <PageLink to="/" look="primary">Back to your desktops</PageLink>
            </div>
        </Centred>
    );
}
