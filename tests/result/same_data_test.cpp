#include "clipq/result/same_data.h"

#include <gmock/gmock.h>

namespace clipq {
namespace {

DataInfo data(const std::string& spec, const std::string& name, const std::string& sha256) {
  DataInfo info;
  info.spec = spec;
  info.dataset = name;
  info.items = 10;
  info.sha256 = sha256;
  return info;
}

TEST(SameData, GoesByContentsWhereverTheDataLie) {
  EXPECT_TRUE(same_data(data("cifar100:/a", "cifar100", "12"), data("cifar100:/b", "x", "12")));
  EXPECT_FALSE(
      same_data(data("cifar100:/a", "cifar100", "12"), data("cifar100:/a", "cifar100", "3")));
  DataInfo fewer = data("cifar100:/a", "cifar100", "12");
  fewer.items = 9;
  EXPECT_FALSE(same_data(data("cifar100:/a", "cifar100", "12"), fewer));
  DataInfo skipped = data("cifar100:/a", "cifar100", "12");
  skipped.skipped = {"7"};
  EXPECT_FALSE(same_data(data("cifar100:/a", "cifar100", "12"), skipped));
}

TEST(SameData, GoesByNameAndThenBySpecWithoutHashes) {
  EXPECT_TRUE(same_data(data("a", "cifar100", "12"), data("b", "cifar100", "")));
  EXPECT_FALSE(same_data(data("a", "cifar100", ""), data("a", "cifar10", "")));
  EXPECT_TRUE(same_data(data("a", "", ""), data("a", "cifar10", "")));
  EXPECT_FALSE(same_data(data("a", "", ""), data("b", "cifar10", "")));
  EXPECT_TRUE(same_data({}, {})) << "both have no data";
}

}  // namespace
}  // namespace clipq
