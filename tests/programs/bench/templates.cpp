// Much for a compiler to do: templates of the standard library, instantiated many times over.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

template <int N> struct Number {
    int value = N;
    bool operator<(const Number &other) const { return value < other.value; }
};

template <int N> size_t work(const std::string &text) {
    std::map<Number<N>, std::vector<std::string>> map;
    std::set<std::tuple<int, std::string, Number<N>>> set;
    std::variant<std::monostate, Number<N>, std::string, std::vector<Number<N>>> variant = text;
    std::unordered_map<std::string, std::function<int(int)>> functions;
    functions[text] = [](int x) { return x + N; };
    map[{N}].push_back(text);
    set.insert({N, text, {}});
    auto later = std::async(std::launch::deferred, [&] { return functions[text](N); });
    std::vector<std::shared_ptr<Number<N>>> pointers(3, std::make_shared<Number<N>>());
    std::sort(pointers.begin(), pointers.end(), [](auto &a, auto &b) { return *a < *b; });
    return map.size() + set.size() + variant.index() + pointers.size() + size_t(later.get());
}

template <int... N> size_t all(const std::string &text, std::integer_sequence<int, N...>) {
    return (work<N>(text) + ...);
}

int main(int argc, char **argv) {
    std::regex pattern("([a-z]+)-([0-9]+)", std::regex::icase);
    std::smatch match;
    std::string text = argc > 1 ? argv[1] : "word-12";
    std::regex_match(text, match, pattern);
    return int(all(text, std::make_integer_sequence<int, 3>()) + std::filesystem::path(text).string().size());
}
