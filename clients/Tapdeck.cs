// A replay session of tapdeck, from C#. One file; .NET 5 and later, .NET Framework 4.6, Mono.
//
// Start `tapdeck replay` in the folder of the cassettes, then:
//
//     using (var session = new Tapdeck.Session("lobby.cassette.json"))   // its own port, its own place in the cassette
//     {
//         RunGame(session.Proxy, session.Ca);                            // the game's HTTP proxy, and the CA it trusts
//         Tapdeck.Receipt receipt = session.Receipt();
//         if (receipt.Miss > 0) Console.Error.WriteLine(session.Unmatched());
//         session.Reset();                                               // back to the start, at the same port
//         RunGame(session.Proxy, session.Ca);
//         Environment.ExitCode = receipt.Miss == 0 && session.End().Miss == 0 ? 0 : 1;
//     }
//
// Whatever goes wrong is a Tapdeck.Error that says what, and what to do. `curl http://127.0.0.1:8889/` lists what else
// the control port can do; `Ask` asks it.
using System;
using System.IO;
using System.Net.Http;
using System.Runtime.Serialization;
using System.Runtime.Serialization.Json;
using System.Text;

namespace Tapdeck
{
    /// <summary>Something the control port refused, or that it could not be reached.</summary>
    public sealed class Error : Exception
    {
        public Error(string message, Exception cause = null) : base(message, cause) { }
    }

    /// <summary>What a replay came to so far.</summary>
    [DataContract]
    public sealed class Receipt
    {
        /// <summary>Answered from the cassette, with live values in it or not.</summary>
        [DataMember(Name = "hit")] public long Hit { get; private set; }
        /// <summary>Those of the hits with live values in them.</summary>
        [DataMember(Name = "bound")] public long Bound { get; private set; }
        /// <summary>Answered from the cassette once more.</summary>
        [DataMember(Name = "repeat")] public long Repeat { get; private set; }
        /// <summary>Nothing recorded fits.</summary>
        [DataMember(Name = "miss")] public long Miss { get; private set; }
        /// <summary>Recorded exchanges nobody asked for.</summary>
        [DataMember(Name = "unplayed")] public long Unplayed { get; private set; }
    }

    /// <summary>A replay session with a port of its own. It ends when it is disposed.</summary>
    public sealed class Session : IDisposable
    {
        private readonly HttpClient http;
        private readonly Shown shown;
        private bool hasEnded;

        /// <summary>Opens one. `live` says which recorded players come themselves: "one", "all", or names between
        /// commas.</summary>
        public Session(string cassette, string live = "all", string control = "http://127.0.0.1:8889")
        {
            // The control port is on this machine: a proxy from the environment is not for it.
            http = new HttpClient(new HttpClientHandler { UseProxy = false }) { BaseAddress = new Uri(control) };
            var wanted = Json(new Wanted { Cassette = cassette, Live = live });
            shown = Read<Shown>(Ask(HttpMethod.Post, "/v1/sessions", wanted));
        }

        /// <summary>The URL that the game has as its HTTP proxy.</summary>
        public string Proxy { get { return shown.Proxy; } }

        /// <summary>The file of the certificate that the game trusts.</summary>
        public string Ca { get { return shown.Ca; } }

        /// <summary>Its name at the control port.</summary>
        public string Id { get { return shown.Id; } }

        /// <summary>What it came to so far.</summary>
        public Receipt Receipt() { return Counts(Ask(HttpMethod.Get, Path(""))); }

        /// <summary>Back to the cassette's start, at the same port.</summary>
        public void Reset() { Ask(HttpMethod.Post, Path(":reset")); }

        /// <summary>Puts a note among the outcomes.</summary>
        public void Mark(string note) { Ask(HttpMethod.Post, Path("/marks"), Json(new Note { Text = note })); }

        /// <summary>How each call was answered, as JSON.</summary>
        public string Outcomes() { return Ask(HttpMethod.Get, Path("/outcomes")); }

        /// <summary>What was missed, and why, as JSON.</summary>
        public string Unmatched() { return Ask(HttpMethod.Get, Path("/unmatched")); }

        /// <summary>Ends it; what it came to.</summary>
        public Receipt End()
        {
            hasEnded = true;
            return Counts(Ask(HttpMethod.Delete, Path("")));
        }

        /// <summary>Asks the control port anything; gives the body of its answer.</summary>
        public string Ask(HttpMethod method, string target, string body = null)
        {
            var request = new HttpRequestMessage(method, target);
            if (body != null) request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            try
            {
                using (var answer = http.SendAsync(request).GetAwaiter().GetResult())
                {
                    var told = answer.Content.ReadAsStringAsync().GetAwaiter().GetResult();
                    if (answer.IsSuccessStatusCode) return told;
                    throw new Error(method + " " + target + ": " + Read<Problem>(told).Detail);
                }
            }
            catch (HttpRequestException cause)
            {
                throw new Error("no control port at " + http.BaseAddress + "; start `tapdeck replay`", cause);
            }
        }

        public void Dispose()
        {
            try
            {
                if (!hasEnded) End();
            }
            catch (Error)
            {
                // It is over all the same.
            }
            http.Dispose();
        }

        private string Path(string what) { return "/v1/sessions/" + Id + what; }

        private static Receipt Counts(string told) { return Read<Shown>(told).Receipt.Exchanges; }

        private static string Json<T>(T value)
        {
            using (var stream = new MemoryStream())
            {
                new DataContractJsonSerializer(typeof(T)).WriteObject(stream, value);
                return Encoding.UTF8.GetString(stream.ToArray());
            }
        }

        private static T Read<T>(string json)
        {
            using (var stream = new MemoryStream(Encoding.UTF8.GetBytes(json)))
            {
                return (T)new DataContractJsonSerializer(typeof(T)).ReadObject(stream);
            }
        }

        [DataContract]
        private sealed class Wanted
        {
            [DataMember(Name = "cassette")] public string Cassette;
            [DataMember(Name = "live")] public string Live;
        }

        [DataContract]
        private sealed class Note
        {
            [DataMember(Name = "note")] public string Text;
        }

        [DataContract]
        private sealed class Shown
        {
            [DataMember(Name = "id")] public string Id;
            [DataMember(Name = "proxy")] public string Proxy;
            [DataMember(Name = "ca")] public string Ca;
            [DataMember(Name = "receipt")] public Whole Receipt;
        }

        [DataContract]
        private sealed class Whole
        {
            [DataMember(Name = "exchanges")] public Receipt Exchanges;
        }

        [DataContract]
        private sealed class Problem
        {
            [DataMember(Name = "detail")] public string Detail;
        }
    }
}
