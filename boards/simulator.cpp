// A simulated board: the design, as Verilator made a class of it, on a serial line that is standard input and output.
//
//     simulator DIVISOR
//
// DIVISOR is that of the design: cycles for a bit. It ends when its input does.

#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <string>

#include "Vboard.h"

namespace {

constexpr int TURN = 256;       // cycles between looks at standard input
constexpr int QUIET = 1 << 15;  // cycles without a bit on the line after which the design is given time now and then
constexpr int NAP = 2;          // milliseconds between two turns then

// Takes bytes and makes levels of them, one for each cycle.
class Sender {
  int divisor, left = 0, bits = 0;
  unsigned shift = 1;
  std::deque<unsigned char> waiting;

public:
  explicit Sender(int divisor) : divisor(divisor) {}
  void put(unsigned char byte) { waiting.push_back(byte); }
  bool idle() const { return bits == 0 && waiting.empty(); }
  bool level() {
    if (left == 0) {
      if (bits > 1) {
        shift >>= 1, --bits, left = divisor;
      } else if (waiting.empty()) {
        bits = 0;
        return true;
      } else {
        shift = waiting.front() << 1 | 1 << 9;
        waiting.pop_front();
        bits = 10, left = divisor;
      }
    }
    --left;
    return shift & 1;
  }
};

// Takes levels, one for each cycle, and makes bytes of them.
class Receiver {
  int divisor, left = 0, bits = 0;
  unsigned shift = 0;

public:
  std::string bytes;
  explicit Receiver(int divisor) : divisor(divisor) {}
  bool idle() const { return bits == 0; }
  void level(bool high) {
    if (bits == 0) {
      if (!high) bits = 10, left = divisor / 2;
    } else if (left-- == 0) {
      left = divisor - 1;
      shift = shift >> 1 | high << 9;
      if (--bits == 0 && high) bytes.push_back(static_cast<char>(shift >> 1 & 0xFF));
    }
  }
};

bool write_all(const std::string &bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    ssize_t count = write(STDOUT_FILENO, bytes.data() + done, bytes.size() - done);
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

}  // namespace

int main(int, char **arguments) {
  int divisor = std::atoi(arguments[1]), quiet = 0;
  Sender sender(divisor);
  Receiver receiver(divisor);
  Vboard board;
  pollfd input = {STDIN_FILENO, POLLIN, 0};
  while (true) {
    if (poll(&input, 1, quiet > QUIET ? NAP : 0) > 0) {
      unsigned char buffer[4096];
      ssize_t count = read(STDIN_FILENO, buffer, sizeof buffer);
      if (count <= 0) return 0;
      for (ssize_t i = 0; i < count; ++i) sender.put(buffer[i]);
    }
    for (int cycle = 0; cycle < TURN; ++cycle) {
      board.rx = sender.level();
      board.clk = 1;
      board.eval();
      board.clk = 0;
      board.eval();
      receiver.level(board.tx);
    }
    quiet = sender.idle() && receiver.idle() && receiver.bytes.empty() ? quiet + TURN : 0;
    if (!write_all(receiver.bytes)) return 0;
    receiver.bytes.clear();
  }
}
