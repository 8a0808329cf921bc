// A decoder, as Verilator made a class of it, in which single bits are flipped while it decodes one stream.
//
//     Vdecoder JOB < FLIPS
//
// JOB is a text file that sim/flips.py writes: bytes of a word, weights of a transfer, then places (scope and variable),
// for each span the segments up to its end, and the stream. The first line of the output is the run without a flip:
// cycles, transfers, error; then come the transfers, one per line. A line of FLIPS is place, word, bit, cycle; for each
// there is a line with its verdict and the error code. The source always offers, and the sink always takes.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "Vdecoder.h"
#include "verilated.h"
#include "verilated_save.h"
#include "verilated_syms.h"

namespace {

using Byte = unsigned char;
using Bytes = std::vector<Byte>;
using Number = std::uint64_t;

constexpr Number APART = 32;  // cycles between the states of the run without a flip that are kept
constexpr Number SETTLE = 6;  // cycles after the end in which something may still leave
constexpr Number LIMIT = 1000000;  // cycles of the run without a flip

// The numbers are those of sim.flips.Verdict.
enum Verdict { MASKED, DETECTED, SILENT, HANG };

struct Job {
  Number word_bytes, weights;
  std::vector<const VerilatedVar *> places;
  std::vector<Number> ends;  // for each span the segments up to its end
  Bytes data;
};

class Saver : public VerilatedSerialize {
  Bytes &bytes;

public:
  explicit Saver(Bytes &bytes) : bytes(bytes) { bytes.clear(); }
  void flush() override {
    bytes.insert(bytes.end(), m_bufp, m_cp);
    m_cp = m_bufp;
  }
};

class Loader : public VerilatedDeserialize {
  const Bytes &bytes;
  std::size_t place = 0;

public:
  explicit Loader(const Bytes &bytes) : bytes(bytes) { m_endp = m_cp = m_bufp; }
  void fill() override {
    std::size_t left = m_endp - m_cp, more = std::min(bufferSize() - left, bytes.size() - place);
    std::memmove(m_bufp, m_cp, left);
    std::memcpy(m_bufp + left, bytes.data() + place, more);
    place += more, m_cp = m_bufp, m_endp = m_bufp + left + more;
  }
};

// Where a run is, besides the decoder's own state.
struct Progress {
  Number cycle = 0, sent = 0, segments = 0;
  std::size_t transfers = 0;
};

class Bench {
  Vdecoder &decoder;
  const Job &job;
  std::vector<Bytes> right;  // the transfers of the run without a flip
  std::vector<bool> ends;  // which of them are a span's last
  std::vector<Bytes> states;  // of that run, every so many cycles
  std::vector<Progress> places;  // then
  Number end = 0;

  bool last_of_span(const Bytes &transfer, Progress &now) const {
    if (!transfer.back()) return false;
    ++now.segments;
    for (Number segments : job.ends)
      if (segments == now.segments) return true;
    return false;
  }

  // One cycle; whether a transfer was taken.
  bool cycle(Progress &now, Bytes &transfer) {
    const Number first = now.sent * job.word_bytes;
    const bool offered = first < job.data.size();
    if (offered) std::memcpy(&decoder.s_axis_tdata, job.data.data() + first, job.word_bytes);
    decoder.s_axis_tvalid = offered;
    decoder.s_axis_tlast = first + job.word_bytes == job.data.size();
    decoder.m_axis_tready = 1;
    decoder.eval();
    now.sent += offered && decoder.s_axis_tready;
    const bool taken = decoder.m_axis_tvalid;
    if (taken) {
      transfer.resize(job.weights + (job.weights + 7) / 8 + 1);
      std::memcpy(transfer.data(), &decoder.m_axis_tdata, job.weights);
      std::memcpy(transfer.data() + job.weights, &decoder.m_axis_tkeep, (job.weights + 7) / 8);
      transfer.back() = decoder.m_axis_tlast;
      for (Number slot = 0; slot < job.weights; ++slot)  // what is not kept means nothing
        if (!(transfer[job.weights + slot / 8] >> slot % 8 & 1)) transfer[slot] = 0;
      ++now.transfers;
    }
    decoder.clk = 1;
    decoder.eval();
    decoder.clk = 0;
    ++now.cycle;
    return taken;
  }

  void save(Bytes &bytes) {
    Saver saver(bytes);
    saver << decoder;
    saver.flush();
  }

public:
  Bench(Vdecoder &decoder, const Job &job) : decoder(decoder), job(job) {
    decoder.rst = 1;
    decoder.eval();
    Progress now;
    Bytes transfer;
    decoder.clk = 1, decoder.eval(), decoder.clk = 0, decoder.eval();
    decoder.rst = 0;
    while (!decoder.done && !decoder.error && now.cycle < LIMIT) {
      if (now.cycle % APART == 0) states.emplace_back(), save(states.back()), places.push_back(now);
      if (!cycle(now, transfer)) continue;
      right.push_back(transfer);
      ends.push_back(last_of_span(transfer, now));
    }
    end = now.cycle;
    std::printf("%llu %zu %d\n", static_cast<unsigned long long>(end), right.size(), static_cast<int>(decoder.error));
    for (const Bytes &line : right) {
      for (Byte byte : line) std::printf("%02x", byte);
      std::printf("\n");
    }
  }

  Verdict flip(Number place, Number word, Number bit, Number when) {
    Progress now = places[when / APART];
    Loader loader(states[when / APART]);
    loader >> decoder;
    Bytes transfer, state;
    while (now.cycle < when)
      if (cycle(now, transfer)) last_of_span(transfer, now);
    const VerilatedVar &variable = *job.places[place];
    static_cast<Byte *>(variable.datap())[word * variable.entSize() + bit / 8] ^= 1 << bit % 8;
    bool wrong = false;
    for (Number settle = SETTLE; now.cycle <= 2 * end + 10 * APART;) {
      const std::size_t number = now.transfers;
      if (cycle(now, transfer)) {
        wrong |= number >= right.size() || transfer != right[number];
        const bool over = last_of_span(transfer, now) || number >= right.size() || ends[number];
        if (over && wrong) return SILENT;
      }
      if (decoder.error || decoder.done) {
        if (settle-- > 0) continue;
        if (decoder.error) return DETECTED;
        return wrong || now.transfers != right.size() ? SILENT : MASKED;
      }
      if (now.cycle % APART == 0 && now.cycle < end && !wrong) {  // as if nothing had been
        const Progress &then = places[now.cycle / APART];
        if (now.transfers != then.transfers || now.sent != then.sent) continue;
        save(state);
        if (state == states[now.cycle / APART]) return MASKED;
      }
    }
    return HANG;
  }

  int error() const { return decoder.error; }
};

Job job_of(const char *path, const VerilatedContext &context) {
  Job job;
  std::ifstream file(path);
  std::string line;
  Number count;
  file >> job.word_bytes >> job.weights >> count;
  std::getline(file, line);
  for (Number place = 0; place < count; ++place) {
    std::string scope, name;
    std::getline(file, scope, '\t');
    std::getline(file, name);
    const VerilatedScope *found = context.scopeFind(scope.c_str());
    const VerilatedVar *variable = found ? found->varFind(name.c_str()) : nullptr;
    if (!variable) {
      std::fprintf(stderr, "no variable %s in %s\n", name.c_str(), scope.c_str());
      std::exit(2);
    }
    job.places.push_back(variable);
  }
  file >> count;
  job.ends.resize(count);
  for (Number &end : job.ends) file >> end;
  file >> line;
  for (std::size_t digit = 0; digit < line.size(); digit += 2)
    job.data.push_back(static_cast<Byte>(std::stoi(line.substr(digit, 2), nullptr, 16)));
  while (job.data.size() % job.word_bytes) job.data.push_back(0);
  return job;
}

}  // namespace

int main(int count, char **arguments) {
  VerilatedContext context;
  context.commandArgs(count, arguments);
  Vdecoder decoder(&context);
  decoder.eval();
  const Job job = job_of(arguments[1], context);
  Bench bench(decoder, job);
  std::fflush(stdout);
  Number place, word, bit, cycle;
  while (std::cin >> place >> word >> bit >> cycle) {
    const Verdict verdict = bench.flip(place, word, bit, cycle);
    std::printf("%d %d\n", static_cast<int>(verdict), bench.error());
    std::fflush(stdout);
  }
  decoder.final();
}
