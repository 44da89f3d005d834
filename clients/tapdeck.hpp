// A replay session of tapdeck, from C++17. One header, nothing to link on POSIX; on Windows it links Ws2_32.
//
// Start `tapdeck replay` in the folder of the cassettes, then:
//
//     #include "tapdeck.hpp"
//
//     int main() {
//         tapdeck::Session session("lobby.cassette.json");      // its own port, its own place in the cassette
//         run_game(session.proxy(), session.ca());              // the game's HTTP proxy, and the CA it trusts
//         tapdeck::Receipt receipt = session.receipt();
//         if (receipt.miss > 0) std::cerr << session.unmatched() << '\n';
//         session.reset();                                      // back to the start, at the same port
//         run_game(session.proxy(), session.ca());
//         return receipt.miss == 0 && session.end().miss == 0 ? 0 : 1;
//     }
//
// Whatever goes wrong is a tapdeck::Error that says what, and what to do. A session that was not ended is when it goes
// out of scope. `curl http://127.0.0.1:8889/` lists what else the control port can do; `ask` asks it.
#ifndef TAPDECK_HPP
#define TAPDECK_HPP

#include <cstddef>
#include <cstdlib>
#include <initializer_list>
#include <stdexcept>
#include <string>

#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#ifdef _MSC_VER
#pragma comment(lib, "Ws2_32.lib")
#endif
#else
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

namespace tapdeck {

/// Something the control port refused, or that it could not be reached.
struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What a replay came to so far.
struct Receipt {
    long hit = 0;       ///< answered from the cassette, with live values in it or not
    long bound = 0;     ///< those of the hits with live values in them
    long repeat = 0;    ///< answered from the cassette once more
    long miss = 0;      ///< nothing recorded fits
    long unplayed = 0;  ///< recorded exchanges nobody asked for
    std::string json;   ///< all of it
};

namespace detail {

#ifdef _WIN32
using Socket = SOCKET;
constexpr int quiet = 0;
inline void shut(Socket socket) { closesocket(socket); }
struct Network {
    Network() {
        WSADATA data;
        if (WSAStartup(MAKEWORD(2, 2), &data) != 0) throw Error("no network");
    }
    ~Network() { WSACleanup(); }
};
#else
using Socket = int;
#ifdef MSG_NOSIGNAL
constexpr int quiet = MSG_NOSIGNAL;  // a peer that is gone is an error, not a signal
#else
constexpr int quiet = 0;
#endif
inline void shut(Socket socket) { close(socket); }
struct Network {};
#endif

/// A connection to the control port; it closes itself.
class Connection {
public:
    Connection(const std::string &host, const std::string &port) {
        addrinfo hints{}, *found = nullptr;
        hints.ai_socktype = SOCK_STREAM;
        if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) == 0) {
            for (addrinfo *at = found; at != nullptr && !is_open; at = at->ai_next) {
                socket = ::socket(at->ai_family, at->ai_socktype, at->ai_protocol);
                is_open = ::connect(socket, at->ai_addr, static_cast<int>(at->ai_addrlen)) == 0;
                if (!is_open) shut(socket);
            }
            freeaddrinfo(found);
        }
        if (!is_open) throw Error("no control port at " + host + ":" + port + "; start `tapdeck replay`");
    }
    Connection(const Connection &) = delete;
    Connection &operator=(const Connection &) = delete;
    ~Connection() { shut(socket); }

    std::string exchange(const std::string &request) const {
        for (std::size_t sent = 0; sent < request.size();) {
            auto count = ::send(socket, request.data() + sent, static_cast<int>(request.size() - sent), quiet);
            if (count <= 0) throw Error("the control port broke off");
            sent += static_cast<std::size_t>(count);
        }
        std::string answer;
        char chunk[4096];
        for (;;) {
            auto count = ::recv(socket, chunk, sizeof chunk, 0);
            if (count < 0) throw Error("the control port broke off");
            if (count == 0) return answer;
            answer.append(chunk, static_cast<std::size_t>(count));
        }
    }

private:
    Network network;
    Socket socket{};
    bool is_open = false;
};

/// Just enough JSON to find a member of an object, and to write a string.
class Reader {
public:
    explicit Reader(const std::string &text) : text(text) {}

    /// The value behind some names, as it is written; empty when there is none.
    std::string find(std::initializer_list<const char *> names) {
        for (const char *name : names) {
            if (!enter(name)) return "";
        }
        std::size_t from = at;
        skip();
        return text.substr(from, at - from);
    }

private:
    bool enter(const std::string &name) {
        if (peek() != '{') return false;
        ++at;
        while (peek() == '"') {
            std::size_t from = at;
            skip();
            bool is_it = text.compare(from, at - from, '"' + name + '"') == 0;
            if (peek() != ':') return false;
            ++at;
            if (is_it) return peek() != '\0';
            skip();
            if (peek() == ',') ++at;
        }
        return false;
    }

    /// Passes over one value.
    void skip() {
        int depth = 0;
        do {
            char first = peek();
            if (first == '\0') return;
            ++at;
            if (first == '"') {
                while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
                ++at;
            } else if (first == '{' || first == '[') {
                ++depth;
            } else if (first == '}' || first == ']') {
                --depth;
            } else if (first != ',' && first != ':') {
                while (at < text.size() && std::string(",:]} \n\r\t").find(text[at]) == std::string::npos) ++at;
            }
        } while (depth > 0);
    }

    char peek() {
        while (at < text.size() && std::string(" \n\r\t").find(text[at]) != std::string::npos) ++at;
        return at < text.size() ? text[at] : '\0';
    }

    const std::string &text;
    std::size_t at = 0;
};

/// A JSON string without its quotes and escapes.
inline std::string plain(const std::string &json) {
    std::string text;
    for (std::size_t at = 1; at + 1 < json.size(); ++at) {
        if (json[at] == '\\' && at + 2 < json.size()) {
            char letter = json[++at];
            text += letter == 'n' ? '\n' : letter == 't' ? '\t' : letter;
        } else {
            text += json[at];
        }
    }
    return text;
}

inline std::string quoted(const std::string &text) {
    static const char digits[] = "0123456789abcdef";
    std::string json = "\"";
    for (char letter : text) {
        if (letter == '"' || letter == '\\') {
            json += '\\', json += letter;
        } else if (static_cast<unsigned char>(letter) < 0x20) {
            json += "\\u00", json += digits[letter >> 4], json += digits[letter & 15];
        } else {
            json += letter;
        }
    }
    return json + '"';
}

}  // namespace detail

/// Asks the control port at `host:port`; gives the body of its answer.
inline std::string ask(const std::string &control, const std::string &method, const std::string &target,
                       const std::string &body = "") {
    std::size_t colon = control.rfind(':');
    if (colon == std::string::npos) throw Error("a control port is written HOST:PORT, not " + control);
    std::string host = control.substr(0, colon);
    std::string name = host.size() > 1 && host[0] == '[' ? host.substr(1, host.size() - 2) : host;
    detail::Connection connection(name, control.substr(colon + 1));
    // HTTP/1.0: the answer ends with the connection.
    std::string answer = connection.exchange(method + ' ' + target + " HTTP/1.0\r\nHost: " + control +
                                             "\r\nContent-Type: application/json\r\nContent-Length: " +
                                             std::to_string(body.size()) + "\r\n\r\n" + body);
    std::size_t space = answer.find(' '), end = answer.find("\r\n\r\n");
    if (space == std::string::npos || end == std::string::npos) throw Error("no HTTP is spoken at " + control);
    std::string told = answer.substr(end + 4);
    if (answer.compare(space + 1, 1, "2") != 0) {
        throw Error(method + ' ' + target + ": " + detail::plain(detail::Reader(told).find({"detail"})));
    }
    return told;
}

/// A replay session with a port of its own.
class Session {
public:
    /// Opens one. `live` says which recorded players come themselves: "one", "all", or names between commas.
    explicit Session(const std::string &cassette, const std::string &live = "all",
                     const std::string &control = "127.0.0.1:8889")
        : control_(control) {
        read(tapdeck::ask(control_, "POST", "/v1/sessions",
                          "{\"cassette\":" + detail::quoted(cassette) + ",\"live\":" + detail::quoted(live) + '}'));
    }
    Session(const Session &) = delete;
    Session &operator=(const Session &) = delete;
    ~Session() {
        try {
            if (!has_ended_) end();
        } catch (const Error &) {
            // It is over all the same.
        }
    }

    /// The URL that the game has as its HTTP proxy.
    const std::string &proxy() const { return proxy_; }
    /// The file of the certificate that the game trusts.
    const std::string &ca() const { return ca_; }
    const std::string &id() const { return id_; }

    /// What it came to so far.
    Receipt receipt() { return read(ask("GET", "")); }
    /// Back to the cassette's start, at the same port.
    void reset() { ask("POST", ":reset"); }
    /// Puts a note among the outcomes.
    void mark(const std::string &note) { ask("POST", "/marks", "{\"note\":" + detail::quoted(note) + '}'); }
    /// How each call was answered, as JSON.
    std::string outcomes() { return ask("GET", "/outcomes"); }
    /// What was missed, and why, as JSON.
    std::string unmatched() { return ask("GET", "/unmatched"); }
    /// Ends it; what it came to.
    Receipt end() {
        has_ended_ = true;
        return read(ask("DELETE", ""));
    }

private:
    std::string ask(const char *method, const char *what, const std::string &body = "") {
        return tapdeck::ask(control_, method, "/v1/sessions/" + id_ + what, body);
    }

    Receipt read(const std::string &json) {
        auto text = [&](const char *name) { return detail::plain(detail::Reader(json).find({name})); };
        auto count = [&](const char *name) {
            return std::atol(detail::Reader(json).find({"receipt", "exchanges", name}).c_str());
        };
        id_ = text("id"), proxy_ = text("proxy"), ca_ = text("ca");
        return {count("hit"),  count("bound"),    count("repeat"),
                count("miss"), count("unplayed"), detail::Reader(json).find({"receipt"})};
    }

    std::string control_, id_, proxy_, ca_;
    bool has_ended_ = false;
};

}  // namespace tapdeck

#endif
