"""Plant a backdoor in a table, and see which predictions are certified against planted rows."""

from knn_cert import Deletions, LabelFlips, SmoothedKNNClassifier, load_dataset
from knn_cert.attacks import four_dimension, poison

data = load_dataset("breast-cancer")
trigger = four_dimension(data.X_train.shape[1], norm=1.0)
planted = poison(data.X_train, data.y_train, trigger, source_class=0, target_class=1, ratio=0.02)
n_planted = len(planted.rows)

# All that the defender has is the poisoned table. The clean one is it less at most n_planted rows.
clf = SmoothedKNNClassifier(n_neighbors=5, sigma=1.0).fit(planted.X, planted.y)
cert = clf.certify(data.X_test, Deletions(n_planted))
print(f"{n_planted} planted rows: {(~cert.abstained).mean():.0%} of the test rows are certified against them")
print(cert.summary(data.y_test))

# That needs no clean table. Here it is at hand, so look whether the certificates told the truth.
clean = SmoothedKNNClassifier(n_neighbors=5, sigma=1.0).fit(data.X_train, data.y_train)
same = clean.predict(data.X_test) == cert.label
print(f"certified predictions that are those of the clean table: {same[~cert.abstained].mean():.0%}")

budget = clf.certify(data.X_test, LabelFlips()).budget
print(f"wrong labels that the median prediction survives: {sorted(budget)[len(budget) // 2]}")
