// The journey by Java's HttpClient: `java Client.java URL EMAIL PASSWORD IDLE`.
// It is left at its defaults, by which it offers every plain-text server an upgrade to HTTP/2 (h2c).
import java.io.ByteArrayInputStream;
import java.net.CookieManager;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class Client {
    static final String JSON = "application/json";
    static final HttpClient client = HttpClient.newBuilder().cookieHandler(new CookieManager()).build();
    static String url;

    static String tell(String step, HttpRequest.Builder asked) throws Exception {
        HttpResponse<String> answer = client.send(asked.build(), HttpResponse.BodyHandlers.ofString());
        String kind = answer.headers().firstValue("Content-Type").orElse("-");
        System.out.println(String.join(" ", step, "" + answer.statusCode(), kind, member("code", answer.body())));
        return answer.body();
    }

    static String member(String name, String document) {
        Matcher found = Pattern.compile("\"" + name + "\" *: *\"([^\"]*)\"").matcher(document);
        return found.find() ? found.group(1) : "-";
    }

    static HttpRequest.Builder to(String path) {
        return HttpRequest.newBuilder(URI.create(url + path));
    }

    static HttpRequest.Builder post(String path, String kind, BodyPublisher body) {
        HttpRequest.Builder asked = to(path).POST(body);
        return kind == null ? asked : asked.header("Content-Type", kind);
    }

    static BodyPublisher chunked(String text) {
        return BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(text.getBytes()));
    }

    static String renewing(String tokens) {
        return "{\"refreshToken\": \"" + member("refreshToken", tokens) + "\"}";
    }

    public static void main(String[] given) throws Exception {
        url = given[0];
        String credentials = "\"email\": \"" + given[1] + "\", \"password\": \"" + given[2] + "\"";
        BodyPublisher login = BodyPublishers.ofString("{" + credentials + "}");
        String typed = "application/json; charset=utf-8";

        BodyPublisher account = BodyPublishers.ofString("{\"name\": \"Java\", " + credentials + "}");
        tell("register", post("/auth/register", JSON, account));
        String tokens = tell("charset", post("/auth/login", typed, login));
        tokens = tell("refresh", post("/auth/refresh-token", JSON, BodyPublishers.ofString(renewing(tokens))));
        tokens = tell("refresh-chunked", post("/auth/refresh-token", typed, chunked(renewing(tokens))));
        String bearer = "Bearer " + member("accessToken", tokens);
        BodyPublisher byCookie = BodyPublishers.ofString("{\"transport\": \"cookie\", " + credentials + "}");
        tell("cookie", post("/auth/login", JSON, byCookie));
        tell("cookie-refresh", post("/auth/refresh-token", null, BodyPublishers.noBody()));
        tell("cookie-refresh-chunked", post("/auth/refresh-token", null, chunked("")));
        HttpRequest.Builder home = to("/").header("Authorization", bearer);
        tell("accept", home.copy().header("Accept", "text/html;q=0.9, */*;q=0.1"));
        tell("post-chunked", post("/auth/logout", null, chunked("")));
        tell("problem", to("/").header("Accept-Encoding", "gzip, br"));
        tell("expect", post("/auth/login", JSON, login).expectContinue(true));
        Thread.sleep((long) (Double.parseDouble(given[3]) * 1000));
        tell("idle", home);
        tell("delete", to("/auth/logout").header("Authorization", bearer).DELETE());
        tell("ended", home);
    }
}
