// Jobs through a decoder, as Verilator made a class of it: stream after stream, each compared while it comes out.
//
//     Vdecoder JOBS
//
// JOBS is a file of little-endian 64-bit numbers and of bytes, which sim/fast.py writes; a record for each job goes to
// standard output, as soon as the job has ended. The configuration is that of the program: LANES, VECTOR, RING,
// WORD_BYTES, SPARSE.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <vector>

#include "Vdecoder.h"
#include "verilated.h"

namespace {

using Number = std::uint64_t;
using Byte = unsigned char;

constexpr Number NONE = ~Number(0);
constexpr int RINGS = LANES / RING;
constexpr Number TRANSFER = RINGS * VECTOR, BEAT = Number(LANES) * VECTOR;
constexpr int LANE_BITS = [] {
  int bits = 1;
  while (LANES - 1 >> bits) ++bits;
  return bits;
}();

// How a job ended, and what no decoder may do, whatever the stream. The numbers are those of sim/fast.py.
enum End : Number { HANG, DONE, ERROR };
enum Broken : Number { FINE, CHANGED, SHAPE, EXTRA, INCOMPLETE, VERDICT };

struct Segment {
  Number weights, start, span;
  bool last;  // of its span
};

struct Stream {
  std::vector<Byte> data, expected;  // the weights expected may be fewer than there are: the rest is not known
  std::vector<Segment> segments;     // none: nothing is known
};

// In which cycles one side is willing: golden.patterns.Pattern, to the bit.
struct Pattern {
  Number kind, first, second;
  bool operator()(Number cycle) const {
    switch (kind) {
      case 0: return true;
      case 1: return cycle % 2 == 0;
      case 2: return cycle % (first + second) < first;
    }
    Number hash = (cycle + (second << 40) + 1) * 0x9E3779B97F4A7C15;
    hash = (hash ^ hash >> 30) * 0xBF58476D1CE4E5B9;
    hash = (hash ^ hash >> 27) * 0x94D049BB133111EB;
    return (hash ^ hash >> 31) <= first;
  }
};

struct Job {
  Number stream, begin, settle, whole, bound;  // begin: 0 as it is, 1 clear, 2 rst; whole: send the rest after an error
  Pattern source, sink;
};

struct Result {
  Number ended = HANG, error = 0, cycles = 0, starved = 0, stalled = 0, inputs = 0, transfers = 0, weights = 0;
  Number wrong = NONE, wrong_span = NONE, spans = 0, late = 0, broken = FINE;
};

// The bits of a port, however wide it is; the host is little-endian.
template <class Port> bool bit(const Port &port, int place) {
  return reinterpret_cast<const Byte *>(&port)[place / 8] >> place % 8 & 1;
}

// Weights that came out, against those expected.
class Comparison {
  const Stream &stream;
  Result &result;

public:
  Comparison(const Stream &stream, Result &result) : stream(stream), result(result) {}
  void fail(Broken how) {
    if (result.broken == FINE) result.broken = how;
  }
  void compare(const Segment &segment, Number place, const Byte *weights, Number count) {
    result.weights += count;
    place += segment.start;
    if (place >= stream.expected.size()) return;
    count = std::min<Number>(count, stream.expected.size() - place);
    const Byte *expected = stream.expected.data() + place;
    if (std::memcmp(weights, expected, count) == 0) return;
    place += std::mismatch(weights, weights + count, expected).first - weights;
    result.wrong = std::min(result.wrong, place);
    result.wrong_span = std::min(result.wrong_span, segment.span);
  }
  void end(const Segment &segment) {
    if (segment.last) result.spans = std::max(result.spans, segment.span + 1);
  }
};

#ifdef SPARSE

class Output {
  struct Lane {
    std::size_t segment = 0;
    Number place = 0;
  };
  const Stream &stream;
  Comparison comparison;
  std::array<Lane, LANES> lanes;

public:
  using Offer = std::array<Byte, 6>;  // data, keep, lane, last
  static constexpr int OFFERS = RINGS;

  Output(const Stream &stream, Result &result) : stream(stream), comparison(stream, result) {}

  static bool offers(const Vdecoder &decoder, int ring) { return bit(decoder.m_axis_tvalid, ring); }

  static void ready(Vdecoder &decoder, bool ready) {
    std::memset(&decoder.m_axis_tready, ready ? 0xFF : 0, RINGS / 8);
    if (RINGS % 8) reinterpret_cast<Byte *>(&decoder.m_axis_tready)[RINGS / 8] = ready ? (1 << RINGS % 8) - 1 : 0;
  }

  static Offer offer(const Vdecoder &decoder, int ring) {
    const Byte *data = reinterpret_cast<const Byte *>(&decoder.m_axis_tdata) + 2 * ring;
    Byte keep = bit(decoder.m_axis_tkeep, 2 * ring) | bit(decoder.m_axis_tkeep, 2 * ring + 1) << 1, lane = 0;
    for (int place = 0; place < LANE_BITS; ++place)
      lane |= bit(decoder.m_axis_tdest, LANE_BITS * ring + place) << place;
    return {data[0], data[1], keep, lane, bit(decoder.m_axis_tlast, ring), 0};
  }

  void take(const Offer &offer, int ring) {
    auto [value, run, keep, number, last, _] = offer;
    if (stream.segments.empty()) return;
    if (number >= LANES || number % RINGS != ring || (keep != 0 && keep != 3) || !(keep || last))
      return comparison.fail(SHAPE);
    Lane &lane = lanes[number];
    if (lane.segment == stream.segments.size()) return comparison.fail(EXTRA);
    const Segment &segment = stream.segments[lane.segment];
    Number rest = segment.weights % BEAT, before = Number(number) * VECTOR;
    Number owned = segment.weights / BEAT * VECTOR + (rest > before ? std::min<Number>(rest - before, VECTOR) : 0);
    if (keep) {
      if (lane.place >= owned) comparison.fail(SHAPE);
      for (int zeros = run; zeros >= 0; --zeros, ++lane.place) {
        Byte weight = zeros ? 0 : value;
        if (lane.place < owned)
          comparison.compare(segment, lane.place / VECTOR * BEAT + before + lane.place % VECTOR, &weight, 1);
      }
    }
    if (!last) return;
    if (lane.place < owned) comparison.fail(SHAPE);
    comparison.end(segment);
    ++lane.segment, lane.place = 0;
  }

  void done() {
    for (const Lane &lane : lanes)
      if (lane.segment < stream.segments.size()) comparison.fail(INCOMPLETE);
  }
};

#else

class Output {
  const Stream &stream;
  Comparison comparison;
  std::size_t segment = 0;
  Number place = 0;

public:
  using Offer = std::array<Byte, TRANSFER + (TRANSFER + 7) / 8 + 1>;  // data, keep, last
  static constexpr int OFFERS = 1;

  Output(const Stream &stream, Result &result) : stream(stream), comparison(stream, result) {}

  static bool offers(const Vdecoder &decoder, int) { return decoder.m_axis_tvalid; }

  static void ready(Vdecoder &decoder, bool ready) { decoder.m_axis_tready = ready; }

  static Offer offer(const Vdecoder &decoder, int) {
    Offer offer;
    std::memcpy(offer.data(), &decoder.m_axis_tdata, TRANSFER);
    std::memcpy(offer.data() + TRANSFER, &decoder.m_axis_tkeep, (TRANSFER + 7) / 8);
    offer.back() = decoder.m_axis_tlast;
    return offer;
  }

  void take(const Offer &offer, int) {
    if (stream.segments.empty()) return;
    if (segment == stream.segments.size()) return comparison.fail(EXTRA);
    const Segment &now = stream.segments[segment];
    Number left = now.weights - place, count = std::min(left, TRANSFER);
    bool shape = offer.back() == (left <= TRANSFER);
    for (Number slot = 0; slot < TRANSFER; ++slot)
      shape &= (offer[TRANSFER + slot / 8] >> slot % 8 & 1) == (slot < count);
    if (!shape) comparison.fail(SHAPE);
    comparison.compare(now, place, offer.data(), count);
    place += count;
    if (place < now.weights) return;
    comparison.end(now);
    ++segment, place = 0;
  }

  void done() {
    if (segment < stream.segments.size()) comparison.fail(INCOMPLETE);
  }
};

#endif

// What is on offer, cycle by cycle: none changed, none withdrawn, none begun after an error.
class Watch {
  std::array<typename Output::Offer, Output::OFFERS> waiting;
  std::array<bool, Output::OFFERS> refused{}, late{};  // the one in `waiting` was; the next one begins after an error
  std::array<Number, Output::OFFERS> begun{};

public:
  // Looks at all streams, takes what there is if the sink is willing; whether there was anything.
  bool look(const Vdecoder &decoder, bool willing, bool failed, Output &output, Result &result) {
    bool any = false;
    for (int ring = 0; ring < Output::OFFERS; ++ring) {
      const bool offers = Output::offers(decoder, ring);
      any |= offers;
      if (refused[ring] && !offers) result.broken = CHANGED;
      if (!offers) {
        refused[ring] = false;
        late[ring] = failed;  // what is on offer when the error shows may still be taken
        continue;
      }
      if (late[ring] && !refused[ring]) result.late = std::max(result.late, ++begun[ring]);
      const auto offer = Output::offer(decoder, ring);
      if (refused[ring] && offer != waiting[ring]) result.broken = CHANGED;
      refused[ring] = !willing;
      waiting[ring] = offer;
      if (!willing) continue;
      late[ring] = failed;
      ++result.transfers;
      output.take(offer, ring);
    }
    return any;
  }
};

class Bench {
  VerilatedContext context;
  Vdecoder decoder;

  void edge() {
    decoder.clk = 1;
    decoder.eval();
    decoder.clk = 0;
  }

public:
  Bench(int count, char **arguments) : decoder((context.commandArgs(count, arguments), &context)) {}

  ~Bench() { decoder.final(); }

  void fresh(bool everything) {
    decoder.s_axis_tvalid = 0;
    Output::ready(decoder, false);
    (everything ? decoder.rst : decoder.clear) = 1;
    decoder.clk = 0;
    decoder.eval();
    edge();
    decoder.rst = decoder.clear = 0;
  }

  void put(const Stream &stream, Number place, Number transfers) {
    const Number first = place * WORD_BYTES, left = stream.data.size() - first;
    std::memset(&decoder.s_axis_tdata, 0, WORD_BYTES);
    std::memcpy(&decoder.s_axis_tdata, stream.data.data() + first, std::min<Number>(WORD_BYTES, left));
    decoder.s_axis_tlast = place + 1 == transfers;
  }

  Result run(const Job &job, const Stream &stream) {
    Result result;
    Output output(stream, result);
    Watch watch;
    const Number transfers = (stream.data.size() + WORD_BYTES - 1) / WORD_BYTES;
    Number settle = job.settle;
    bool offered = false;
    if (job.begin) fresh(job.begin == 2);
    for (Number cycle = 0;; ++cycle) {
      if (!offered && result.inputs < transfers && job.source(cycle)) {
        offered = true;
        put(stream, result.inputs, transfers);
      }
      const bool willing = job.sink(cycle);
      decoder.s_axis_tvalid = offered;
      Output::ready(decoder, willing);
      decoder.eval();
      const bool taken = decoder.s_axis_tready, failed = decoder.error != 0, done = decoder.done;
      const bool any = watch.look(decoder, willing, failed, output, result);
      const bool changed = result.error && decoder.error != result.error;
      if (changed || (failed && (done || decoder.busy))) result.broken = VERDICT;
      result.error = decoder.error;
      result.starved += taken && !offered && result.inputs < transfers;
      result.stalled += any && !willing;
      edge();
      if (offered && taken) {
        ++result.inputs, offered = false;
      } else if ((done && result.inputs == transfers) || (failed && (!job.whole || result.inputs == transfers))) {
        if (!result.ended) result.cycles = cycle, result.ended = failed ? ERROR : DONE;
        if (settle == 0) break;
        settle -= willing;
      }
      if (cycle > result.cycles + job.bound + RING * (result.starved + result.stalled)) {
        result.cycles = cycle, result.ended = HANG;
        break;
      }
    }
    if (result.ended == DONE) output.done();
    decoder.s_axis_tvalid = 0;
    return result;
  }
};

Number number(std::istream &file) {
  Number value = 0;
  file.read(reinterpret_cast<char *>(&value), sizeof value);
  return value;
}

std::vector<Byte> bytes(std::istream &file, Number count) {
  std::vector<Byte> content(count);
  file.read(reinterpret_cast<char *>(content.data()), static_cast<std::streamsize>(count));
  return content;
}

Stream stream_of(std::istream &file) {
  Stream stream;
  stream.data = bytes(file, number(file));
  stream.segments.resize(number(file));
  Number start = 0, span = NONE;
  for (Segment &segment : stream.segments) {
    Number size = number(file);
    span += size >> 32;  // 1 if the lanes restart
    segment = {size & 0xFFFFFFFF, start, span, false};
    start += segment.weights;
  }
  for (std::size_t place = 0; place < stream.segments.size(); ++place)
    stream.segments[place].last =
        place + 1 == stream.segments.size() || stream.segments[place + 1].span != stream.segments[place].span;
  stream.expected = bytes(file, number(file));
  return stream;
}

Pattern pattern_of(std::istream &file) {
  Pattern pattern;
  pattern.kind = number(file), pattern.first = number(file), pattern.second = number(file);
  return pattern;
}

}  // namespace

int main(int count, char **arguments) {
  std::ifstream file(arguments[1], std::ios::binary);
  std::vector<Stream> streams(number(file));
  for (Stream &stream : streams) stream = stream_of(file);
  Bench bench(count, arguments);
  bench.fresh(true);
  for (Number left = number(file); left; --left) {
    Job job;
    job.stream = number(file), job.begin = number(file), job.settle = number(file), job.whole = number(file);
    job.bound = number(file);
    job.source = pattern_of(file), job.sink = pattern_of(file);
    if (!file) return 1;
    const Result result = bench.run(job, streams.at(job.stream));
    std::fwrite(&result, sizeof result, 1, stdout);
    std::fflush(stdout);
    if (result.ended == HANG) bench.fresh(true);
  }
  return 0;
}
