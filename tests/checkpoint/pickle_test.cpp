#include "clipq/checkpoint/pickle.h"

#include <gmock/gmock.h>

#include "clipq/core/error.h"

namespace clipq {
namespace {

using Kind = PickleValue::Kind;
using namespace std::string_literals;

// What Python's pickle.dumps gives for (1, -2, 300, 70000, 2**40, 2.5, True, None, "text", [1],
// {"k": 3}).
TEST(Pickle, ReadsWhatPythonWrites) {
  const std::string protocol_2 =
      "\x80\x02(K\x01J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00\x8a\x06\x00\x00\x00\x00\x00\x01G@\x04"
      "\x00\x00\x00\x00\x00\x00\x88NX\x04\x00\x00\x00textq\x00]q\x01K\x01"
      "a}q\x02X\x01\x00\x00\x00"
      "kq\x03K\x03stq\x04."s;
  const std::string protocol_4 =
      "\x80\x04\x95\x45\x00\x00\x00\x00\x00\x00\x00(K\x01J\xfe\xff\xff\xffM,\x01Jp\x11\x01\x00\x8a"
      "\x06\x00\x00\x00\x00\x00\x01G@\x04\x00\x00\x00\x00\x00\x00\x88N\x8c\x04text\x94]\x94K\x01"
      "a}"
      "\x94\x8c\x01k\x94K\x03st\x94."s;
  for (const std::string& bytes : {protocol_2, protocol_4}) {
    const Pickle pickle(bytes, "test");
    const auto& items = pickle.root().items;
    ASSERT_EQ(items.size(), 11U);
    EXPECT_EQ(items[0]->integer, 1);
    EXPECT_EQ(items[1]->integer, -2);
    EXPECT_EQ(items[2]->integer, 300);
    EXPECT_EQ(items[3]->integer, 70000);
    EXPECT_EQ(items[4]->integer, std::int64_t{1} << 40);
    EXPECT_EQ(items[5]->real, 2.5);
    EXPECT_EQ(items[6]->kind, Kind::kBool);
    EXPECT_EQ(items[7]->kind, Kind::kNone);
    EXPECT_TRUE(items[8]->is_text("text"));
    EXPECT_EQ(items[9]->items.at(0)->integer, 1);
    EXPECT_TRUE(items[10]->items.at(0)->is_text("k"));
    EXPECT_EQ(items[10]->items.at(1)->integer, 3);
  }
}

TEST(Pickle, NotesCallsAndMakesNone) {
  const Pickle pickle(
      "\x80\x02"
      "cos\nsystem\nX\x02\x00\x00\x00ls\x85R."s,
      "test");
  EXPECT_TRUE(pickle.root().is_call_of("os system"));
  EXPECT_TRUE(pickle.root().arguments->items.at(0)->is_text("ls"));
}

TEST(Pickle, KeepsTheStateOfObjects) {
  const Pickle pickle(
      "\x80\x02"
      "c__torch__\nM\n)\x81}X\x01\x00\x00\x00wK\x07sb."s,
      "test");
  EXPECT_EQ(pickle.root().kind, Kind::kObject);
  EXPECT_EQ(pickle.root().callee->text, "__torch__ M");
  EXPECT_EQ(pickle.root().state->items.at(1)->integer, 7);
}

TEST(Pickle, MayContainItself) {
  const Pickle pickle(
      "\x80\x02]q\x00h\x00"
      "a."s,
      "test");
  EXPECT_EQ(pickle.root().items.at(0), &pickle.root());
}

TEST(Pickle, MakesWhatCannotChangeOnce) {
  const Pickle pickle(
      "\x80\x02(NN\x88\x88\x89K\x07K\x07K\x08"
      "ca\nb\nca\nb\nca\nc\nt."s,
      "test");
  const auto& items = pickle.root().items;
  ASSERT_EQ(items.size(), 11U);
  for (const std::size_t first : {0, 2, 5, 8}) EXPECT_EQ(items[first], items[first + 1]) << first;
  EXPECT_EQ(items[4]->integer, 0);
  EXPECT_EQ(items[7]->integer, 8);
  EXPECT_EQ(items[10]->text, "a c");
}

TEST(Pickle, KeepsWhatCannotChangeAsItIs) {
  const Pickle pickle("\x80\x02(NN}X\x01\x00\x00\x00wK\x07sbt."s, "test");
  EXPECT_EQ(pickle.root().items.at(0)->state, nullptr);
}

TEST(Pickle, TellsWhatLiesElsewhereAndWhereItEnds) {
  const std::string bytes = "\x80\x02(K\x01\x85QK\x02\x85Qt."s;
  const Pickle pickle(bytes + "more", "test");
  EXPECT_EQ(pickle.length(), bytes.size());
  ASSERT_EQ(pickle.persistent().size(), 2U);
  EXPECT_EQ(pickle.persistent()[1]->arguments->items.at(0)->integer, 2);
}

TEST(Pickle, MemoryIsBoundedWhateverTheOpcodes) {
  constexpr std::size_t kOpcodes = 16U << 20;
  for (const char opcode : {'N', '(', ']', '}', '\x94'}) {
    try {
      Pickle("N" + std::string(kOpcodes, opcode) + ".", "test");
      ADD_FAILURE() << opcode;
    } catch (const InputError& failure) {
      EXPECT_THAT(failure.what(), ::testing::HasSubstr("too many values")) << opcode;
    }
  }
}

TEST(Pickle, RefusesEveryTruncationAndUnknownOpcodes) {
  const std::string good = "\x80\x02}X\x01\x00\x00\x00wG@\x04\x00\x00\x00\x00\x00\x00s."s;
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_THROW(Pickle(good.substr(0, length), "test"), InputError) << length;
  }
  for (const char* bad : {"t.", "R.", "a.", "h\x05.", "(",
                          "K\x01"
                          "a.",
                          "\x85.", "i", "}]s.", "]b."}) {
    EXPECT_THROW(Pickle(bad, "test"), InputError) << bad;
  }
}

}  // namespace
}  // namespace clipq
