import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;

/** A player opens a session, invites a friend, reads the session and leaves: with no option about proxy or trust. */
public class Conversation {
    static final String BASE = System.getenv().getOrDefault("BASE", "https://sessiondirectory.xboxlive.com");
    static final String SCID = "00000000-0000-0000-0000-0000000c0de1";
    static final String XUID = System.getenv("XUID");
    static final String SESSION = System.getenv("SESSION");
    static final HttpClient client = HttpClient.newHttpClient();

    public static void main(String[] args) throws Exception {
        String session = "/serviceconfigs/" + SCID + "/sessionTemplates/game/sessions/" + SESSION;
        say("PUT", session, """
            {"members":{"me":{"constants":{"system":{"xuid":"%s"}},
             "properties":{"system":{"active":true,"connection":"%s"}}}}}""".formatted(XUID, System.getenv("CONNECTION")),
            "If-None-Match");
        say("POST", "/handles", """
            {"version":1,"type":"invite","sessionRef":{"scid":"%s","templateName":"game","name":"%s"},
             "invitedXuid":"%s","inviteAttributes":{"titleId":"1234567890","context":"slot2"}}"""
            .formatted(SCID, SESSION, System.getenv("FRIEND")), null);
        say("GET", session, null, null);
        say("PUT", session, "{\"members\":{\"me\":null}}", "If-Match");
    }

    static void say(String method, String target, String body, String star) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(BASE + target)).timeout(Duration.ofSeconds(60))
            .header("Authorization", "XBL3.0 x=" + System.getenv("HASH") + ";token")
            .header("X-Xbl-Contract-Version", "107")
            .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        if (body != null) request.header("Content-Type", "application/json");
        if (star != null) request.header(star, "*");
        var answer = client.send(request.build(), BodyHandlers.ofString());
        String outcome = answer.headers().firstValue("tapdeck-outcome").orElse("none");
        String mine = method.equals("GET") && answer.body().contains(XUID) ? " mine" : "";
        System.out.println(method + " " + answer.statusCode() + " " + outcome + mine);
    }
}
