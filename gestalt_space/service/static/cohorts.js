// Shows the second group where two are compared, and none where all patients are asked about.

const kind = document.getElementById("kind");
const settle = () => {
  document.getElementById("first").hidden = kind.value === "evaluation";
  document.getElementById("second").hidden = kind.value !== "comparison";
};
kind.addEventListener("change", settle);
settle();
