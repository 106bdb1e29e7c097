// A C++ program: RAII around an engine, futures instead of callbacks, eight threads on one pool.
//
//   c++ -std=c++17 embed_cpp.cpp $(pkg-config --cflags --libs enclave) -pthread -o embed_cpp
//
// ENCLAVE_IMAGE names another image than python:3.11-slim.
#include <enclave/enclave.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

class Error : public std::runtime_error {
  public:
    explicit Error(const enclave_error &err)
        : std::runtime_error(std::string(enclave_code_name(err.code)) + ": " + err.message),
          code(err.code) {
    }
    const enclave_code code;
};

class Engine {
  public:
    Engine() : engine_(open(), enclave_close) {
    }

    std::string initialize_pool(const std::string &options) {
        enclave_error err;
        return take(enclave_initialize_pool(engine_.get(), options.c_str(), &err), err);
    }

    // Throws what went wrong when it is asked for its value.
    std::future<std::string> execute(const std::string &tool, const std::string &parameters) {
        auto promise = std::make_unique<std::promise<std::string>>();
        auto future = promise->get_future();
        enclave_error err;
        if (!enclave_execute_start(engine_.get(),
                                   tool.c_str(),
                                   parameters.c_str(),
                                   nullptr,
                                   on_done,
                                   promise.get(),
                                   &err))
            throw Error(err);
        promise.release(); // on_done has it now
        return future;
    }

  private:
    static enclave *open() {
        enclave_error err;
        enclave *engine = enclave_open(nullptr, &err);
        if (!engine)
            throw Error(err);
        return engine;
    }

    static std::string take(char *json, const enclave_error &err) {
        if (!json)
            throw Error(err);
        std::unique_ptr<char, void (*)(void *)> owner(json, enclave_free);
        return json;
    }

    static void on_done(void *data, const char *json, const enclave_error *err) {
        std::unique_ptr<std::promise<std::string>> promise(
            static_cast<std::promise<std::string> *>(data));
        if (err)
            promise->set_exception(std::make_exception_ptr(Error(*err)));
        else
            promise->set_value(json);
    }

    std::unique_ptr<enclave, void (*)(enclave *)> engine_;
};

int main() try {
    const char *image = std::getenv("ENCLAVE_IMAGE");
    Engine engine;
    engine.initialize_pool(std::string("{\"pool_size\": 2, \"config\": {\"image\": \"") +
                           (image ? image : "python:3.11-slim") + "\"}}");

    std::atomic<int> good{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; i++)
        threads.emplace_back([&engine, &good, i] {
            for (int j = 0; j < 5; j++) {
                std::string number = std::to_string(i * 5 + j);
                try {
                    auto result =
                        engine.execute("python_executor", "{\"code\": \"print(" + number + ")\"}");
                    good +=
                        result.get().find("\"output\":\"" + number + "\\n\"") != std::string::npos;
                } catch (const Error &error) {
                    std::cerr << "call " << number << ": " << error.what() << "\n";
                }
            }
        });
    for (auto &thread : threads)
        thread.join();
    std::cout << good << " of 40 calls from 8 threads\n";

    try {
        engine.execute("no_such_tool", "{}").get();
    } catch (const Error &error) {
        std::cout << (error.code == ENCLAVE_NOT_FOUND ? "not_found\n" : error.what());
    }
    return good == 40 ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception &error) {
    std::cerr << error.what() << "\n";
    return EXIT_FAILURE;
}
